"""What would decide a race that left contenders undecided: how many rounds, and which budget.

Pure functions of what was recorded; the budget is an estimate from the time that a round takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from opbench.harness.cli.option_types import as_duration
from opbench.harness.timing.stopping import Policy, lead_of
from opbench.results.ranking.leaderboard import Board, samples_of
from opbench.results.ranking.verdicts import Samples, errors, looks
from opbench.results.records import Case, Measured, Record, Rules
from opbench.results.statistics.intervals import median, paired_log_ratios

#: Of the spread of a median over that of what it is taken of, and of a median deviation.
_OF_MEDIAN, _OF_DEVIATION = math.sqrt(math.pi / 2), 1.4826
#: By how many deviations of its median a contender is to lie beyond: five in six then do.
_POWER = 1.0
#: Rounds vary, and so does what is estimated of them.
_RESERVE = 1.25


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a case on which contenders are undecided.

    rounds: that they shared with the best; first_look: how many it takes until a verdict is
    possible at all. needed: how many would decide those who can be decided, 0 where none can.
    close: the undecided who are so close to the best, or scatter so much, that no race in one
    process would decide them. round_s: seconds that a round takes, budget_s: what to give for the
    rounds that are needed; None where that isn't known. processes: how many the case was raced in,
    where these are the units of evidence; it is they, then, that there are too few of.
    nothing: whether nobody is decided.
    """

    case: Case
    undecided: tuple[str, ...]
    close: tuple[str, ...]
    rounds: int
    first_look: int
    needed: int
    round_s: float | None
    budget_s: float | None
    processes: int
    nothing: bool


def outlooks(
    boards: Iterable[Board],
    records: Iterable[Record],
    rules: Rules,
    *,
    raced_s: Mapping[Case, float] | None = None,
) -> tuple[Outlook, ...]:
    """What would decide each board that has undecided contenders which met in rounds.

    raced_s: seconds that the race of a case took, where they were measured.
    """
    timed: dict[Case, dict[str, Measured]] = {}
    for record in records:
        if isinstance(record.outcome, Measured) and record.outcome.rounds:
            timed.setdefault(record.case, {})[record.contender] = record.outcome
    found = (
        _outlook(board, timed.get(board.case, {}), rules, (raced_s or {}).get(board.case))
        for board in boards
    )
    return tuple(outlook for outlook in found if outlook is not None)


def raced_for(records: Iterable[Record]) -> float:
    """Seconds that the race took in which contenders were recorded, as far as samples tell.

    What was done between the blocks is missing: evicting caches, checking results again.
    """
    measured = [r.outcome for r in records if isinstance(r.outcome, Measured)]
    return sum(len(m.samples_s) * _block_s(m) for m in measured)


def _outlook(
    board: Board, timed: Mapping[str, Measured], rules: Rules, raced_s: float | None
) -> Outlook | None:
    names = [row.contender for row in board.measured if row.verdict == "undecided"]
    best = next((row.contender for row in board.measured if row.verdict == "best"), "")
    if best not in timed or not set(names) & set(timed):
        return None
    samples = {name: samples_of(measured, name) for name, measured in timed.items()}
    ratios = {name: paired_log_ratios(samples[name], samples[best]) for name in names}
    needed = {name: _needed(ratios[name], len(timed), rules) for name in names}
    reachable = [rounds for rounds in needed.values() if rounds]
    round_s = _round_s(board.case, timed, samples, raced_s)
    most = max(reachable, default=0)
    return Outlook(
        board.case,
        tuple(names),
        tuple(name for name in names if not needed[name]),
        min(len(found) for found in ratios.values()),
        next(looks(len(timed), rules)),
        most,
        round_s,
        most * round_s * _RESERVE if most and round_s is not None else None,
        max(len(set(measured.units)) for measured in timed.values()),
        all(row.verdict in ("best", "undecided") for row in board.measured),
    )


def _needed(
    log_ratios: np.ndarray[tuple[int], np.dtype[np.float64]], many: int, rules: Rules
) -> int:
    """The rounds after which a contender would be told from the best, or tied; 0 where too many.

    From how far its ratio lies from where verdicts change, and how it scatters.
    """
    if len(log_ratios) < 2:
        return next(looks(many, rules))
    centre = median(log_ratios)
    spread = _OF_DEVIATION * median(np.abs(log_ratios - centre))
    distance = max(abs(abs(centre) - math.log1p(rules.tie)), 1e-9)
    for rounds, error in errors(many, rules):
        reach = -NormalDist().inv_cdf(error / 2) + _POWER
        if rounds > Policy().max_rounds:
            break
        least = (_OF_MEDIAN * spread * reach / distance) ** 2
        if rounds >= max(least, len(log_ratios) + 1):
            return rounds
    return 0


def _round_s(
    case: Case,
    timed: Mapping[str, Measured],
    samples: Mapping[str, Samples],
    raced_s: float | None,
) -> float | None:
    """Seconds that a round of all contenders takes."""
    if case.cache == "warm":
        return sum(map(_block_s, timed.values()))
    # What emptying the caches takes doesn't show in the samples.
    rounds = max(map(len, samples.values()))
    return raced_s / rounds if raced_s is not None else None


def _block_s(measured: Measured) -> float:
    """Seconds that a block takes, the calls that lead up to it included."""
    call_s = median(measured.samples_s)
    return call_s * (measured.calls + lead_of(call_s, Policy()))


def sentences(outlook: Outlook, run: str) -> tuple[str, ...]:
    """What to tell of a case, and what to do; `run`: the folder that it would go on in."""
    who, rounds = ", ".join(outlook.undecided), f"{outlook.rounds} rounds"
    if outlook.rounds < outlook.first_look:
        rounds = f"{outlook.rounds} of the {outlook.first_look} rounds that a first look takes"
    began = f"{outlook.case.op} {outlook.case.label}: "
    began += "nothing is decided" if outlook.nothing else f"{who} undecided"
    if outlook.processes > 1:
        return (f"{began} in {outlook.processes} processes: race with more --processes",)
    told = [f"{began} after {rounds}"]
    if outlook.needed:
        told[0] += f"; about {outlook.needed} rounds would decide"
    if outlook.budget_s is not None:
        told[0] += f": opbench run --resume {run} --budget {as_duration(outlook.budget_s)}"
    if outlook.close:
        told.append(
            f"{began}: no longer race would tell {', '.join(outlook.close)} from the best; "
            "--processes 5 may, or the difference doesn't matter"
        )
    return tuple(told)
