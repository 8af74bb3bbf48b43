"""Exit codes, the same for every verb.

Pure functions of outcomes, leaderboards, gates and comparisons. The code of an error stands on
its class, `results.errors.OpbenchError.exit_code`.
"""

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
    """The exit codes of the command."""

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
    """The first in precedence of several exit codes."""
    given = set(codes)
    return next((code for code in PRECEDENCE if code in given), Exit.OK)


def of_outcomes(outcomes: Iterable[Outcome | Verdict]) -> Exit:
    """The exit code of outcomes; NOTHING where none is of a contender that runs here."""
    outcomes = tuple(outcomes)
    some_ran = any(not isinstance(outcome, Unsupported) for outcome in outcomes)
    return worst((*map(code_of, outcomes), Exit.OK if some_ran else Exit.NOTHING))


def of_boards(boards: Iterable[Board], rules: Rules) -> Exit:
    """INCONCLUSIVE if the ratio of a timed contender isn't known to the requested precision."""
    ratios = (row.ratio for board in boards for row in board.measured)
    is_known = all(ratio is None or ratio.relative_width <= rules.precision for ratio in ratios)
    return Exit.OK if is_known else Exit.INCONCLUSIVE


def of_gate(report: Report, named: Iterable[str]) -> Exit:
    """The exit code of a gate.

    named: ops that were selected by name; if one of them could not be compared at all, NOTHING. A
    head that is wrong or broken where the base runs counts as that, compared or not; and a new
    contender has nothing that it could be compared with.
    """
    from opbench.results.records.comparison import is_broken, is_wrong

    if report.is_void:
        return Exit.NOTHING
    codes = [_VERDICTS.get(finding.verdict, Exit.OK) for finding in report.open_findings]
    decided = {finding.case.op for finding in report.findings} | _new_ops(report)
    for item in report.open_uncompared:
        wrong, broken = is_wrong(item), is_broken(item)
        undecided = Exit.NOTHING if item.status == "mixed" else Exit.INCONCLUSIVE
        codes.append(Exit.WRONG if wrong else Exit.FAILED if broken else undecided)
        if wrong or broken:
            decided.add(item.case.op)
    missing = {item.case.op for item in report.uncompared if item.case.op in set(named)} - decided
    return worst((*codes, Exit.NOTHING if missing or not decided else Exit.OK))


def _new_ops(report: Report) -> set[str]:
    """The ops of contenders that run and have nothing to be compared with."""
    if any(item.status == "vanished" for item in report.open_uncompared):
        # One of them may be what has vanished.
        return set()
    return {i.case.op for i in report.uncompared if i.status == "new" and not i.outcome.head}


def of_comparison(comparison: Comparison, named: Iterable[str]) -> Exit:
    """The exit code of comparing two runs.

    named: ops that were selected by name; if one of them could not be compared at all, NOTHING.
    """
    from opbench.results.records.comparison import is_idle

    findings = [compared.finding for compared in comparison.findings]
    if not findings or set(named) - {finding.case.op for finding in findings}:
        return Exit.NOTHING
    codes = [_VERDICTS.get(finding.verdict, Exit.OK) for finding in findings]
    lost = any(item.status != "new" and not is_idle(item) for item in comparison.uncompared)
    return worst((*codes, Exit.INCONCLUSIVE if lost or comparison.only_in_base else Exit.OK))


#: Of the verdicts of a gate; all others are OK.
_VERDICTS = {"slower": Exit.REGRESSION, "inconclusive": Exit.INCONCLUSIVE}


def code_of(outcome: Outcome | Verdict) -> Exit:
    """The exit code that one outcome calls for by itself."""
    return {Wrong: Exit.WRONG, Failed: Exit.FAILED}.get(type(outcome), Exit.OK)
