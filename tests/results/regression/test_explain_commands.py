"""The command line that a gate names: it selects what was slower, and is taken by the command."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from opbench.harness.cli import options
from opbench.harness.cli.app import parsers
from opbench.harness.cli.parsing import parse
from opbench.results.regression.report import report_of
from opbench.results.report.gate import commands, headline, markdown
from tests.results.examples import case
from tests.results.explanations import evidence, explained, use
from tests.results.gates import make_gate, units


def look(tmp_path, on=None, **settings):
    """The only command line of a gate in which one contender is slower."""
    (line,) = commands(report_of(make_gate(tmp_path, on=on, **settings)))
    return line


def test_defaults_are_left_out(tmp_path):
    line = look(tmp_path)

    assert line == ("opbench explain --base main patch_pooling --impl copies -k small --threads 1")


def test_the_command_stands_in_headline_and_markdown(tmp_path):
    folder = make_gate(tmp_path)
    report = report_of(folder)

    assert headline(report).endswith(f"look: {commands(report)[0]}")
    assert commands(report)[0] in markdown(report, folder.path)


def test_the_command_selects_the_case_by_all_its_fields(tmp_path):
    on = case(
        shape="a-b",
        dtype="bfloat16",
        direction="backward",
        layout="transposed",
        cache="cold",
        board="view",
        inputs="text",
        seed=3,
    )
    asked = {"dtype": "float32,bfloat16", "inputs": "text", "grid": "full", "load": ["/a b/c.py"]}
    line = look(tmp_path, on, base="v1.2", head="mine", build="make -j2", **asked)

    words = parse(parsers, shlex.split(line)[1:])
    selection = options.selection(words)

    assert (words.base, words.head, words.build) == ("v1.2", "mine", "make -j2")
    assert words.load == ["/a b/c.py"]
    assert selection.names == ("patch_pooling",)
    assert selection.impls == ("copies",)
    assert selection.dtypes == ("bfloat16",)
    assert selection.directions == ("backward",)
    assert selection.layouts == ("transposed",)
    assert selection.boards == ("view",)
    assert selection.inputs == ("text",)
    assert (selection.cache, selection.grid, selection.seed) == ("cold", "full", 3)
    assert selection.expression == "'a-b'"


def test_two_environments(tmp_path):
    line = look(tmp_path, base=None, base_python="/opt/python")

    assert line.startswith("opbench explain --base-python /opt/python patch_pooling")


def test_a_recorded_base_cannot_be_profiled(tmp_path):
    assert commands(report_of(make_gate(tmp_path, base=None))) == ()


def test_the_slowest_case_of_each_contender_and_not_too_many(tmp_path):
    folder = make_gate(tmp_path)
    for contender, factor in (("a", 1.5), ("b", 1.6), ("c", 1.7), ("d", 1.8)):
        for shape, more in (("tiny", 0.9), ("huge", 1.0)):
            for role in ("screen", "confirm", "verify"):
                for unit in units(contender, case(shape=shape), factor * more, role=role):
                    folder.append(unit)

    found = commands(report_of(folder))

    assert ["--impl d -k huge" in found[0], "--impl c" in found[1], "--impl b" in found[2]] == [
        True,
        True,
        True,
    ]
    assert len(found) == 3


@pytest.mark.parametrize("factor", [1.3, 0.7])
def test_a_void_session_names_nothing(tmp_path, factor):
    folder = make_gate(tmp_path)
    for unit in units("copies", case(), factor, role="null"):
        folder.append(replace(unit, method="pairs"))
    report = report_of(folder)

    assert report.is_void
    assert commands(report) == ()


def test_the_first_cause_of_what_was_explained_stands_in_the_headline(tmp_path):
    folder = make_gate(tmp_path)
    (slower, *_) = (f for f in report_of(folder).findings if f.verdict == "slower")
    mul, copy = use("aten::mul", 1e-3), use("aten::copy_", 1e-3, path=("aten::clone",))
    both = explained(
        evidence(slower.contender, mul, copy, side="head"),
        evidence(slower.contender, mul, side="base"),
        on=slower.case,
    )
    folder.append(both)
    report = report_of(folder)

    (line,) = (line for line in headline(report).splitlines() if line.startswith("why: "))
    assert "copies (head)" in line
    assert "100% copies: aten::copy_" in line
    assert line in markdown(report, folder.path).replace("\\", "")
