"""What is said of a profile's work, and of the code that was compiled for it."""

from dataclasses import replace

import pytest

from opbench.results.records import OperatorRow, Work
from opbench.results.report.profiles import code_lines, work_lines
from tests.results.examples import profile


def row(name, time_s, flops=0.0):
    return OperatorRow(
        name=name, calls=1, self_time_s=time_s, total_time_s=time_s, self_bytes=0, flops=flops
    )


def lines_of(operators=(), **work):
    declared = {"declared_flops": 500, "declared_bytes": 1000}
    whole = {"flops": 0.0, "bytes": 1000.0, "outside": 0.1, **declared} | work
    return work_lines(replace(profile(), operators=tuple(operators), work=Work(**whole)))


def test_work_is_shown_beside_what_is_declared():
    (line,) = lines_of(flops=2e6, bytes=5.68e6, declared_bytes=2_630_000)
    assert (
        line == "by its operators: 2.00 MFLOP counted, 5.68 MB moved; declared: 500 FLOP, 2.63 MB"
    )
    (line,) = lines_of(bytes=None)
    assert "no operations counted, bytes not seen" in line


@pytest.mark.parametrize(("moved", "faults"), [(1000, 0), (951, 0), (949, 1), (None, 0)])
def test_bytes_that_nobody_moves_contradict_the_declaration(moved, faults):
    assert sum("more bytes than it takes" in line for line in lines_of(bytes=moved)) == faults
    for outside in (0.3, None):
        assert len(lines_of(bytes=moved, outside=outside)) == 1


@pytest.mark.parametrize(
    ("others_s", "faults"), [(0.0, 1), (0.5, 1), (2.0, 0)], ids=["none", "few", "many"]
)
def test_operations_are_compared_where_nearly_all_are_counted(others_s, faults):
    rows = (row("aten::mm", 9.0, flops=400), row("aten::exp", others_s))
    said = lines_of(rows, flops=400.0, declared_flops=500)
    assert sum("more operations than it takes" in line for line in said) == faults


def test_runs_of_before_have_no_work_and_no_code():
    old = replace(profile(), work=None, code=())
    assert work_lines(old) == code_lines(old) == ()


def test_code_lies_beside_the_trace():
    found = code_lines(replace(profile(), code=("traces/x/cpp.one.s", "traces/x/cpp.one.cpp")))
    assert found == ("its code, beside the trace: 2 files, cpp.* (.cpp, .s)",)
