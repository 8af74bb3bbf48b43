"""Each kind of evidence, gathered of calls whose nature is known."""

from __future__ import annotations

import errno

import pytest
import torch

from opbench.harness.explaining import (
    alternating,
    compiled_code,
    machine_code,
    operators,
    page_faults,
    perf_events,
    tensors,
)
from opbench.harness.explaining.observed import Observed
from opbench.harness.explaining.passes import Subject, observe
from opbench.harness.pipeline.explain import merged
from opbench.results.errors import UnsupportedError
from opbench.results.records import Case

X = torch.randn(64, 64)
CASE = Case(op="any", shape="any", axes=(), inputs="normal")


def test_operators_stand_in_order_with_their_place_and_inputs():
    found, figures = operators.gather(lambda: X.t().contiguous().double().sum())
    names = [use.name for use in found]
    copies = [use for use in found if use.name == "aten::copy_"]

    assert names.index("aten::t") < names.index("aten::contiguous") < names.index("aten::sum")
    assert copies[0].path == ("aten::contiguous", "aten::clone")
    assert copies[0].strides == ((64, 1), (1, 64))
    assert copies[1].dtypes == ("float64", "float32")
    assert dict(figures)["peak_bytes"] >= 64 * 64 * 8
    assert dict(figures)["event_overhead_s"] >= 0


def test_calls_of_an_operator_are_counted_per_call():
    found, _ = operators.gather(lambda: [row.sum() for row in X])
    sums = [use for use in found if use.name == "aten::sum" and not use.path]

    assert [use.calls for use in sums] == [64.0]


def test_hashes_in_names_make_no_two_operators():
    assert operators.plain_name("opbench_0123456789abcdef::pool") == "opbench::pool"
    assert operators.plain_name("aten::add_") == "aten::add_"


def test_page_faults_of_an_operator_with_fresh_memory():
    try:
        found = page_faults.gather(lambda: torch.ones(8 << 20))
    except UnsupportedError as error:
        pytest.skip(str(error))
    (filled,) = (use for use in found if use.name == "aten::fill_")

    assert filled.path == ("aten::ones",)
    assert filled.page_faults is not None


def test_page_faults_join_the_operators_that_were_timed():
    use, _ = operators.gather(lambda: X.exp())
    (exp,) = use
    (counted,) = merged(
        [
            Observed(part="operators", operators=use),
            Observed(part="page faults", operators=(_with_faults(exp),)),
        ]
    )

    assert counted.page_faults == 7.0
    assert counted.self_time_s == exp.self_time_s


def _with_faults(use):
    return type(use)(
        name=use.name,
        path=use.path,
        sizes=use.sizes,
        strides=use.strides,
        dtypes=use.dtypes,
        calls=0.0,
        self_time_s=0.0,
        allocated_bytes=0.0,
        page_faults=7.0,
    )


def test_tensors_bytes_temporaries_denormals_and_repetitions():
    tiny = torch.full((64, 64), 1e-40)
    found = dict(tensors.gather(lambda: X.exp() + X.exp() + tiny + X.t()))

    assert found["kernels"] == 5
    assert found["traffic_bytes"] == (2 * 2 + 3 * 3) * X.nbytes
    assert found["strided_bytes"] == X.nbytes
    assert found["repeated aten::exp"] == 1
    assert 0 < found["denormal_share"] < 0.5
    wide = dict(tensors.gather(lambda: (X[:, None] * X[None]).sum(-1)))
    assert wide["largest_elements"] == 64**3
    assert wide["output_elements"] == 64**2


def test_what_dispatches_nothing_is_out_of_sight():
    with pytest.raises(UnsupportedError, match="dispatches no operator"):
        dict(tensors.gather(lambda: None))


def test_a_state_that_changes_nothing_has_no_ratio(monkeypatch):
    slower = iter([1.0, 3.0, 3.0, 1.0] * 20)
    monkeypatch.setattr(
        alternating, "seconds", lambda call, calls: next(slower) if calls > 1 else 1
    )

    assert alternating.ratio(lambda: None, 2, lambda: None, lambda: None) == 1.0


def test_a_state_that_halves_the_time(monkeypatch):
    taken = iter([2.0, 1.0] * 20)
    monkeypatch.setattr(alternating, "seconds", lambda call, calls: next(taken) if calls > 1 else 1)
    states = []
    found = alternating.ratio(
        lambda: None, 2, lambda: states.append("default"), lambda: states.append("other")
    )

    assert found == 0.5
    assert states[-1] == "default"


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (errno.ENOENT, perf_events._HARDWARE, "no PMU"),
        (errno.EACCES, perf_events._HARDWARE, "not permitted"),
        (errno.EPERM, perf_events._SOFTWARE, "not permitted"),
        (errno.EINVAL, perf_events._SOFTWARE, "Invalid argument"),
    ],
)
def test_why_events_are_not_counted(code, kind, said):
    assert said in perf_events._refusal(code, kind)


def test_counters_are_numbers_or_their_absence_is_said():
    subject = Subject(
        call=X.exp,
        case=CASE,
        is_compiled=False,
        libraries=machine_code.mapped(),
        contender="any",
        modules=None,
    )
    counters = observe("counters", subject)
    compiled = observe("tensors", Subject(**_fields(subject) | {"is_compiled": True}))

    assert bool(counters.figures) != counters.missing.startswith("not available")
    assert compiled.missing == "not available: it is compiled"
    assert "no library of its own" in observe("machine code", subject).missing
    assert "two versions" in observe("instructions", subject).missing


def _fields(subject):
    return {name: getattr(subject, name) for name in type(subject).__dataclass_fields__}


def test_without_objdump_or_valgrind_that_is_said(tmp_path, monkeypatch):
    library = tmp_path / "mine.so"
    library.write_bytes(b"no library")
    monkeypatch.setattr(machine_code, "mapped", lambda: frozenset({str(library)}))
    with pytest.raises(UnsupportedError, match="objdump failed"):
        dict(machine_code.gather(()))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsupportedError, match="no objdump"):
        dict(machine_code.gather(()))
    from opbench.harness.explaining import instructions

    with pytest.raises(UnsupportedError, match="no valgrind"):
        dict(instructions.gather((), CASE, "any"))


def test_nothing_compiled_is_said():
    compiled_code.forget()
    with pytest.raises(UnsupportedError, match="nothing was compiled"):
        dict(compiled_code.gather())
