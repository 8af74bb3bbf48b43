"""Exit codes, the same for every verb."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from opbench.results.records import Failed, Outcome, Rules, Unsupported, Verdict, Wrong

if TYPE_CHECKING:
    # These come with numpy, which takes longer to import than all of the command.
    from opbench.results.ranking.leaderboard import Board
    from opbench.results.regression.report import Report
    from opbench.results.regression.two_runs import Comparison


class Exit(IntEnum):
    """What the exit code of the command means."""

    OK = 0
    REGRESSION = 1
    USAGE = 2
    INCONCLUSIVE = 3
    WRONG = 4
    FAILED = 5
    NOTHING = 6


#: Where several apply, the first of these.
PRECEDENCE = (
    Exit.USAGE,
    Exit.NOTHING,
    Exit.WRONG,
    Exit.FAILED,
    Exit.REGRESSION,
    Exit.INCONCLUSIVE,
)


def worst(codes: Iterable[Exit]) -> Exit:
    """The one that counts of several exit codes."""
    given = set(codes)
    return next((code for code in PRECEDENCE if code in given), Exit.OK)


def of_outcomes(outcomes: Iterable[Outcome | Verdict]) -> Exit:
    """The exit code of what became of contenders, raced, checked or profiled.

    What is wrong was found out, and so was what fails: nothing could be done only where there is no
    outcome, or each is that the contender doesn't run here.
    """
    outcomes = tuple(outcomes)
    judged = any(not isinstance(outcome, Unsupported) for outcome in outcomes)
    return worst((*map(code_of, outcomes), Exit.OK if judged else Exit.NOTHING))


def of_boards(boards: Iterable[Board], rules: Rules) -> Exit:
    """Inconclusive where a contender was timed and its ratio isn't known as precisely as asked."""
    ratios = (row.ratio for board in boards for row in board.measured)
    told = all(ratio is None or ratio.relative_width <= rules.precision for ratio in ratios)
    return Exit.OK if told else Exit.INCONCLUSIVE


def of_gate(report: Report, named: Iterable[str]) -> Exit:
    """The exit code of a gate.

    named: ops that were asked for by name: where one of them could not be compared at all, nothing
    was measured of what was asked. A head that is wrong or broken where the base runs is told as
    that, compared or not; and what is new has nothing that it could be compared with.
    """
    from opbench.results.records.comparison import is_broken, is_wrong

    if report.is_void:
        return Exit.NOTHING
    codes = [_VERDICTS.get(found.verdict, Exit.OK) for found in report.open_findings]
    told = {found.case.op for found in report.findings}
    if all(item.status != "vanished" for item in report.open_uncompared):
        # There is nothing to compare them with; else one of them may be what has vanished.
        told |= {i.case.op for i in report.uncompared if i.status == "new" and not i.outcome.head}
    for item in report.open_uncompared:
        wrong, broken = is_wrong(item), is_broken(item)
        undecided = Exit.NOTHING if item.status == "mixed" else Exit.INCONCLUSIVE
        codes.append(Exit.WRONG if wrong else Exit.FAILED if broken else undecided)
        if wrong or broken:
            told.add(item.case.op)
    missing = {item.case.op for item in report.uncompared if item.case.op in set(named)} - told
    return worst((*codes, Exit.NOTHING if missing or not told else Exit.OK))


def of_comparison(comparison: Comparison, named: Iterable[str]) -> Exit:
    """The exit code of comparing two runs.

    named: ops that were asked for by name: where one of them could not be compared at all, nothing
    was compared of what was asked.
    """
    from opbench.results.records.comparison import is_idle

    found = [compared.finding for compared in comparison.findings]
    if not found or set(named) - {finding.case.op for finding in found}:
        return Exit.NOTHING
    codes = [_VERDICTS.get(finding.verdict, Exit.OK) for finding in found]
    lost = any(item.status != "new" and not is_idle(item) for item in comparison.uncompared)
    return worst((*codes, Exit.INCONCLUSIVE if lost or comparison.only_in_base else Exit.OK))


#: Of a gate's findings; whatever else is found is well.
_VERDICTS = {"slower": Exit.REGRESSION, "inconclusive": Exit.INCONCLUSIVE}


def code_of(outcome: Outcome | Verdict) -> Exit:
    """The exit code that one outcome calls for by itself."""
    return {Wrong: Exit.WRONG, Failed: Exit.FAILED}.get(type(outcome), Exit.OK)
