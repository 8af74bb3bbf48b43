"""What is said of a gate: the headline, the tables and the Markdown."""

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from opbench.results.records import (
    Failed,
    Gate,
    GateRules,
    Side,
    Uncompared,
    Unpaired,
    Unsupported,
    run_folder,
)
from opbench.results.regression.accepted import AcceptedChange
from opbench.results.regression.report import report_of
from opbench.results.report.gate import headline, markdown, tables
from tests.results.examples import ENVIRONMENT, case, info
from tests.results.gates import BASE, HEAD, units

ON = case()
NO_GPU = Unsupported("runs on CUDA devices only")
LACKING = Unsupported("main has no such contender")
TITLES = ["head against base", "not compared", "the base against itself"]


def slower(name="copies"):
    """A contender that is surely slower, in fresh processes and pairs too."""
    return [u for role in ("screen", "confirm", "verify") for u in units(name, ON, 1.25, role=role)]


def idle(name="triton", on=ON):
    """A contender that runs in neither version."""
    return Uncompared(name, on, "both", Unpaired(NO_GPU, NO_GPU))


@pytest.fixture
def report(tmp_path):
    """Makes the report of a gate with these lines."""

    def made(lines, accepted=(), gate=None):
        folder = run_folder.create(tmp_path, info("gate"))
        folder.append(gate or Gate(base=BASE, head=HEAD, method="twins", rules=GateRules()))
        for line in lines:
            folder.append(line)
        return report_of(folder, accepted)

    return made


def titles(report):
    """Those of its tables."""
    return [table.title for table in tables(report)]


def test_the_headline_has_versions_and_counts(report):
    lines = slower() + units("steady", ON, 1.0) + units("improved", ON, 0.8)
    first, second, third, *_ = headline(report(lines)).splitlines()
    assert first == "the working tree (fedcba987, changed) against main (012345678), as twins"
    assert second == "3 compared: 1 slower, 1 faster, 1 same"
    assert third.startswith("those that passed would have shown a slowdown of ")


def test_the_headline_has_the_verified_pairs(report):
    bears_out, refutes = slower(), slower("other")[:18] + units("other", ON, 0.9, role="verify")
    found = headline(report([*bears_out, *refutes])).splitlines()
    pairs = [line for line in found if line.startswith("in 9 fresh pairs: ")]
    assert len(pairs) == 2
    assert pairs[0].startswith(f"in 9 fresh pairs: {ON.op} copies on {ON.label}: 1.25")
    assert pairs[0].endswith(")")
    assert pairs[1].endswith("which doesn't bear the twins out")
    assert "2 compared: 1 slower, 1 inconclusive" in found


def test_too_few_fresh_pairs_are_called_so(report):
    few = slower()[:18] + units("copies", ON, 1.25, role="verify")[:2]
    found = headline(report(few)).splitlines()
    (pairs,) = (line for line in found if line.startswith("in 2 fresh pairs: "))
    assert pairs.endswith("which are too few to tell")
    assert "1 compared: 1 inconclusive" in found


def test_the_headline_says_why_versions_were_no_twins(report):
    other = Side("/opt/python", "", "/opt/python", ENVIRONMENT)
    gate = Gate(base=other, head=HEAD, method="pairs", rules=GateRules(), note="two environments")
    text = headline(report(units("steady", ON, 1.0), gate=gate))
    assert "against /opt/python, as pairs (two environments)" in text


#: What torch says of a second library of a namespace, as it reaches a gate.
AT_LENGTH = (
    "not twins: the working tree does not load: /somewhere/deep/in/the/folders/of/a/project/of/"
    "others/ops.py cannot be loaded: RuntimeError: Only a single TORCH_LIBRARY can be used to "
    "register the namespace theirs; please put all of your "
    "definitions in a single TORCH_LIBRARY block.  If you were trying to specify implementations, "
    "consider using TORCH_LIBRARY_IMPL (which can be duplicated).  If you really intended to def"
)


@pytest.mark.parametrize(
    ("note", "reported"),
    [
        (AT_LENGTH, "can be used to register the namespace theirs)"),
        (f"not twins: {'x' * 40}: there's a kernel of doubled\nand more", "a kernel of doubled)"),
        (
            "not twins: loading it changes a; b, for both versions",
            "changes a; b, for both versions)",
        ),
        (f"not twins: {'word ' * 80}", "word word )"),
    ],
)
def test_the_headline_says_in_a_line_why_versions_were_no_twins(report, note, reported):
    """And the record has it at full length."""
    gate = Gate(base=BASE, head=HEAD, method="pairs", rules=GateRules(), note=note)
    found = report(units("steady", ON, 1.0), gate=gate)
    first = headline(found).splitlines()[0]
    assert first.endswith(reported)
    assert len(first) < 260
    assert found.gate.note == note


def test_uncompared_contenders_are_counted_and_listed_with_reasons(report):
    crash = Failed("race", "killed by SIGSEGV")
    lines = [
        *units("steady", ON, 1.0),
        Uncompared("fresh", ON, "new", Unpaired(LACKING, None)),
        Uncompared("broken", ON, "head", Unpaired(None, crash)),
    ]
    found = report(lines)
    assert "not compared: 1 that fail in the head, 1 new" in headline(found)
    assert titles(found) == TITLES[:2]
    rows = [row[2:] for row in tables(found)[1].rows]
    assert ("fresh", "new", LACKING.reason, "runs") in rows
    assert ("broken", "head", "runs", crash.reason) in rows


def test_a_contender_that_runs_in_neither_version_is_reported(report):
    """A Triton contender where there is no GPU: nobody knows what its change did."""
    lines = [*units("steady", ON, 1.0), idle(), idle(on=case(shape="large")), idle("nested")]
    found = report(lines)
    reported = "run in neither version here, so that nothing is known of their change: "
    assert f"{reported}nested (1), triton (2)" in headline(found)
    assert "triton (2)" in markdown(found, Path("runs/gate"))
    # Listed case by case they would hide what matters.
    assert titles(found) == TITLES[:1]


def test_each_reason_for_running_in_neither_version_is_reported(report):
    other = Uncompared("cpp", ON, "both", Unpaired(NO_GPU, Unsupported("no compiler")))
    found = report([*units("steady", ON, 1.0), idle(), idle("nested"), other])
    lines = [line for line in headline(found).splitlines() if "run in neither version" in line]
    assert [line.rpartition("change: ")[2] for line in lines] == [
        f"nested (1), triton (1): {NO_GPU.reason}",
        "cpp (1): no compiler",
    ]


def test_contenders_that_fail_in_both_versions_are_reported_with_reasons(report):
    crash = Failed("race", "killed by SIGSEGV")
    lines = [
        Uncompared(name, on, "both", Unpaired(Failed("check", "ValueError: no"), crash))
        for name, on in (("broken", ON), ("broken", case(shape="large")), ("other", ON))
    ]
    text = headline(report(lines)).splitlines()
    assert "nothing was compared" in text
    assert "not compared: 3 that fail in both" in text
    reported = "fails or is wrong in both versions, so that nothing is known of its change: "
    assert f"{reported}broken (2): killed by SIGSEGV" in text
    assert f"{reported}other (1): killed by SIGSEGV" in text


def test_warnings_of_unlike_versions_stand_in_every_report(report):
    gate = Gate(
        base=BASE,
        head=HEAD,
        method="twins",
        rules=GateRules(),
        note="",
        warnings=("git ignores a.so in the working tree",),
    )
    found = report(units("steady", ON, 1.0), gate=gate)
    for text in (headline(found), markdown(found, Path("runs/gate"))):
        assert "warning: git ignores a.so in the working tree" in text


def test_contenders_timed_in_pairs_beside_twins_are_reported(report):
    pairs = [dataclasses.replace(unit, method="pairs") for unit in units("lazy", ON, 1.0)]
    text = headline(report([*units("steady", ON, 1.0), *pairs]))
    assert "as pairs, since they register ops with torch" in text
    assert text.splitlines()[3].endswith("in a process: lazy")


def test_a_session_of_pairs_names_no_contender_for_it(report):
    pairs = [dataclasses.replace(unit, method="pairs") for unit in units("steady", ON, 1.0)]
    gate = Gate(base=BASE, head=HEAD, method="pairs", rules=GateRules(), note="as asked")
    assert "since they register" not in headline(report(pairs, gate=gate))


def test_all_that_is_new_is_counted_where_nothing_was_compared(report):
    text = headline(report([Uncompared("fresh", ON, "new", Unpaired(LACKING, None))]))
    assert "nothing was compared\nnot compared: 1 new" in text


def test_where_nothing_was_compared_that_is_all(report):
    assert "nothing was compared" in headline(report([idle()])).splitlines()


def test_a_void_session_shows_its_controls(report):
    found = report(slower() + units("steady", ON, 1.05, role="null"))
    assert "void: the base differs from itself" in headline(found)
    assert "slower" not in headline(found)
    assert titles(found) == [TITLES[0], TITLES[2]]
    (null,) = tables(found)[-1].rows
    assert null[2:4] == ("steady", "slower")
    assert TITLES[2] in markdown(found, Path("runs/gate"))


def test_accepted_changes_have_their_person_and_their_day(report):
    until = date(2999, 12, 31)
    entries = [
        AcceptedChange(
            op=ON.op,
            contender="copies",
            case="*",
            change="slower",
            at_most=None,
            reason="sums in float64",
            by="ada",
            until=until,
            where="1",
        ),
        AcceptedChange(
            op="row_sum",
            contender="*",
            case="*",
            change="slower",
            at_most=None,
            reason="#7",
            by="bob",
            until=until,
            where="2",
        ),
    ]
    found = report(slower(), entries)
    lines = headline(found).splitlines()
    assert (
        f"accepted until 2999-12-31: {ON.op} copies on {ON.label}: sums in float64 (ada)" in lines
    )
    assert "accepts nothing that was found: row_sum (bob)" in lines
    assert "not passed" not in markdown(found, Path("runs/gate"))


def test_the_markdown_begins_with_failures_and_folds_the_rest(report):
    text = markdown(report(slower() + units("steady", ON, 1.0)), Path("runs/gate"))
    assert text.startswith("## opbench gate\n")
    assert text.index("### not passed") < text.index("| copies | slower |")
    assert text.index("| copies | slower |") < text.index("<summary>passed: 1</summary>")
    assert text.index("<summary>passed: 1</summary>") < text.index("| steady | same |")
    assert text.endswith("run: runs/gate\n")


def test_those_that_need_a_look_come_first(report):
    lines = units("a", ON, 1.0) + units("b", ON, 1.02, number=4, spread=0.1) + slower("c")
    assert [row[2] for row in tables(report(lines))[0].rows] == ["c", "b", "a"]
