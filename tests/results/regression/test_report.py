"""What came of a gate: what was accepted, what is left open, and the exit code."""

from datetime import date

import pytest

from opbench.harness.cli.exit_codes import Exit, of_gate
from opbench.results.errors import RunFolderError
from opbench.results.records import (
    Failed,
    Gate,
    GateRules,
    Uncompared,
    Unpaired,
    Unsupported,
    Wrong,
    run_folder,
)
from opbench.results.records.comparison import is_broken, is_idle, is_wrong, status_of
from opbench.results.regression.accepted import AcceptedChange
from opbench.results.regression.report import report_of
from tests.results.examples import case, info, make_run
from tests.results.gates import BASE, HEAD, units

LACKING = Unsupported("there is no such contender")
WRONG, CRASH, NO_GPU = Wrong("value", "off"), Failed("race", "SIGSEGV"), Unsupported("needs a GPU")
ON = case()


def slower(name="cpp", factor=1.25, on=ON):
    """A contender that is surely slower, in fresh processes and pairs too."""
    return [
        u for role in ("screen", "confirm", "verify") for u in units(name, on, factor, role=role)
    ]


def undecided(name="cpp"):
    """A contender that may have got slower or not."""
    return units(name, ON, 1.02, number=4, spread=0.1)


def uncompared(base, head, status, name="other", on=ON):
    """A contender of which there is nothing to compare."""
    return [Uncompared(name, on, status, Unpaired(base, head))]


VANISHED = uncompared(None, LACKING, "vanished")
NEW = uncompared(LACKING, None, "new", "fresh")
MIXED = Failed("prepare", "main imports what is the head's", cause="mixed")
TWICE = Failed("prepare", "registers theirs::op with torch", cause="registered")
SAME = units("steady", ON, 1.0)
VOID = units("steady", ON, 1.05, role="null")


def entry(op=ON.op, contender="*", change="slower", at_most=None):
    """An accepted change."""
    until = date(2999, 1, 1)
    return AcceptedChange(
        op=op,
        contender=contender,
        case="*",
        change=change,
        at_most=at_most,
        reason="#12",
        by="ada",
        until=until,
        where="list, entry 1",
    )


@pytest.fixture
def report(tmp_path):
    """Makes the report of a gate with these lines."""

    def made(lines, accepted=()):
        folder = run_folder.create(tmp_path, info("gate"))
        folder.append(Gate(base=BASE, head=HEAD, method="twins", rules=GateRules()))
        for line in lines:
            folder.append(line)
        return report_of(folder, accepted)

    return made


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (SAME, Exit.OK),
        (SAME + units("improved", ON, 0.8), Exit.OK),
        (SAME + uncompared(LACKING, None, "new"), Exit.OK),
        (SAME + uncompared(NO_GPU, NO_GPU, "both"), Exit.OK),
        (SAME + slower(), Exit.REGRESSION),
        # Flagged, and never confirmed; confirmed, and never seen in pairs.
        (SAME + units("cpp", ON, 1.25), Exit.INCONCLUSIVE),
        (SAME + slower()[:18], Exit.INCONCLUSIVE),
        (SAME + undecided(), Exit.INCONCLUSIVE),
        (SAME + undecided() + slower("other"), Exit.REGRESSION),
        (SAME + VANISHED, Exit.INCONCLUSIVE),
        (SAME + VANISHED + slower(), Exit.REGRESSION),
        # It ran in the base, and says itself that it doesn't in the head.
        (SAME + uncompared(None, NO_GPU, "vanished"), Exit.INCONCLUSIVE),
        (SAME + uncompared(WRONG, None, "base"), Exit.INCONCLUSIVE),
        (SAME + uncompared(CRASH, CRASH, "both"), Exit.INCONCLUSIVE),
        (SAME + uncompared(None, WRONG, "head"), Exit.WRONG),
        (SAME + uncompared(WRONG, WRONG, "both"), Exit.WRONG),
        (SAME + uncompared(None, CRASH, "head"), Exit.FAILED),
        (SAME + uncompared(None, CRASH, "head") + slower(), Exit.FAILED),
        (
            SAME + uncompared(None, CRASH, "head") + uncompared(None, WRONG, "head", "x"),
            Exit.WRONG,
        ),
        # Nothing else could be compared, and this much is known.
        (uncompared(None, WRONG, "head"), Exit.WRONG),
        (uncompared(None, CRASH, "head"), Exit.FAILED),
        (uncompared(CRASH, CRASH, "both"), Exit.NOTHING),
        (uncompared(None, WRONG, "head") + VOID, Exit.NOTHING),
        ([], Exit.NOTHING),
        (VANISHED, Exit.NOTHING),
        (uncompared(NO_GPU, NO_GPU, "both"), Exit.NOTHING),
        (SAME + VOID, Exit.NOTHING),
        # The change that brings the first of them; or takes one away, by another name perhaps.
        (NEW, Exit.OK),
        (NEW + VANISHED, Exit.NOTHING),
        (NEW + SAME + VANISHED, Exit.INCONCLUSIVE),
        (NEW + uncompared(LACKING, WRONG, "head"), Exit.WRONG),
        (NEW + uncompared(LACKING, CRASH, "head"), Exit.FAILED),
        (uncompared(LACKING, NO_GPU, "new"), Exit.NOTHING),
        # Each may run, and yet they are not what they are called.
        (SAME + uncompared(MIXED, None, "mixed"), Exit.NOTHING),
        (SAME + uncompared(None, MIXED, "mixed") + slower(), Exit.NOTHING),
        (SAME + uncompared(TWICE, TWICE, "registered"), Exit.INCONCLUSIVE),
        (SAME + uncompared(TWICE, TWICE, "registered") + slower(), Exit.REGRESSION),
        (SAME + VOID + slower(), Exit.NOTHING),
    ],
)
def test_the_exit_code_of_findings(report, lines, code):
    assert of_gate(report(lines), ()) == code


@pytest.mark.parametrize(
    ("base", "head", "status"),
    [
        (None, LACKING, "vanished"),
        (LACKING, None, "new"),
        (None, WRONG, "head"),
        (CRASH, None, "base"),
        (CRASH, WRONG, "both"),
        (None, None, "both"),
        (MIXED, None, "mixed"),
        (None, MIXED, "mixed"),
        (CRASH, MIXED, "mixed"),
        (TWICE, TWICE, "registered"),
    ],
)
def test_the_status_of_uncompared_contenders(base, head, status):
    assert status_of(Unpaired(base, head)) == status


def test_a_new_op_passes_beside_a_compared_one(report):
    found = report(SAME + uncompared(LACKING, None, "new", on=case("row_sum")))
    assert of_gate(found, ["row_sum", ON.op]) == Exit.OK


def test_an_op_that_was_named_and_could_not_be_compared_is_not_passed(report):
    """Though another op was."""
    elsewhere = case("row_sum")
    found = report(SAME + uncompared(NO_GPU, NO_GPU, "both", on=elsewhere))
    assert of_gate(found, ["row_sum", ON.op]) == Exit.NOTHING
    assert of_gate(found, [ON.op]) == Exit.OK
    assert of_gate(found, ["reductions"]) == Exit.OK


def test_an_op_whose_only_contender_turned_wrong_is_reported_as_wrong(report):
    found = report(SAME + uncompared(None, WRONG, "head", on=case("row_sum")))
    assert of_gate(found, ["row_sum", ON.op]) == Exit.WRONG


@pytest.mark.parametrize(
    ("lines", "accepted", "code"),
    [
        (slower(), entry(), Exit.OK),
        (slower(), entry(contender="cp*", at_most=0.3), Exit.OK),
        (slower(), entry(at_most=0.2), Exit.REGRESSION),
        (slower(), entry(contender="torch"), Exit.REGRESSION),
        (slower(), entry(op="row_sum"), Exit.REGRESSION),
        (slower(), entry(change="inconclusive"), Exit.REGRESSION),
        (slower() + slower("torch"), entry(contender="cpp"), Exit.REGRESSION),
        (undecided(), entry(change="inconclusive"), Exit.OK),
        (undecided(), entry(), Exit.INCONCLUSIVE),
        (SAME + VANISHED, entry(change="vanished"), Exit.OK),
        (SAME + VANISHED, entry(), Exit.INCONCLUSIVE),
        # What is broken can't be accepted.
        (SAME + uncompared(None, WRONG, "head"), entry(change="vanished"), Exit.WRONG),
        (slower() + VOID, entry(), Exit.NOTHING),
    ],
)
def test_accepted_changes_do_not_fail(report, lines, accepted, code):
    found = report(lines, [accepted])
    assert of_gate(found, ()) == code
    covered = {item.contender for item, by in found.accepted if by == accepted}
    assert found.unused == (() if covered else (accepted,))
    assert not covered & {item.contender for item in found.open_findings}
    assert {finding.contender for finding in found.open_findings} | covered >= {
        finding.contender for finding in found.findings
    }


def test_null_arms_are_no_findings(report):
    found = report(SAME + units("steady", ON, 1.0, role="null"))
    assert [finding.role for finding in found.findings] == ["screen"]
    assert [finding.role for finding in found.controls] == ["null"]
    assert not found.is_void


def test_idle_wrong_and_broken_are_distinct():
    def kinds(base, head):
        (item,) = uncompared(base, head, "")
        return is_idle(item), is_wrong(item), is_broken(item)

    assert kinds(NO_GPU, NO_GPU) == (True, False, False)
    assert kinds(None, WRONG) == (False, True, False)
    assert kinds(None, CRASH) == (False, False, True)
    assert kinds(CRASH, CRASH) == (False, False, False)
    assert kinds(NO_GPU, None) == (False, False, False)
    assert kinds(None, NO_GPU) == (False, False, False)


def test_a_run_that_is_not_of_a_gate_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="is not of a gate; make one with `opbench gate`"):
        report_of(make_run(tmp_path))
