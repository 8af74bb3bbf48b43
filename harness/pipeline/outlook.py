"""The outlook of a race that left contenders undecided: the rounds and the budget to decide it.

Pure functions of records; the budget is an estimate from the time that a round takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from opbench.harness.timing.blocks import warmup_calls
from opbench.harness.timing.stopping import Policy
from opbench.results.ranking.leaderboard import Board, samples_of
from opbench.results.ranking.verdicts import Samples, errors, looks
from opbench.results.records import Case, Measured, Record, Rules
from opbench.results.statistics.intervals import median, paired_log_ratios

#: The spread of a median over that of its samples; a standard deviation over a median deviation.
_OF_MEDIAN, _OF_DEVIATION = math.sqrt(math.pi / 2), 1.4826
#: The reserve, in standard deviations of a median, with which five contenders in six are decided.
_POWER = 1.0
#: Rounds vary, and so do estimates from them.
_RESERVE = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A case on which contenders are undecided, and what would decide them."""

    case: Case
    #: The names of all that are undecided.
    undecided: tuple[str, ...]
    #: Those of them that no race in one process would decide: too close to the best, or too noisy.
    close: tuple[str, ...]
    #: The rounds that they shared with the best.
    rounds: int
    #: The rounds until a verdict is possible at all.
    first_look: int
    #: The rounds that would decide those that can be decided; 0 if none can.
    needed: int
    #: Seconds that a round takes; None where that isn't known.
    round_s: float | None
    #: The budget for the rounds that are needed, in seconds; None where that isn't known.
    budget_s: float | None
    #: The processes that the case was raced in, if these are the units of evidence, and too few.
    processes: int
    #: Whether no contender is decided.
    nothing: bool


def outlooks(
    boards: Iterable[Board],
    records: Iterable[Record],
    rules: Rules,
    *,
    raced_s: Mapping[Case, float] | None = None,
) -> tuple[Outlook, ...]:
    """The outlook of each board with undecided contenders that met in rounds.

    raced_s: seconds that the race of a case took, where they were measured.
    """
    timed: dict[Case, dict[str, Measured]] = {}
    for record in records:
        if isinstance(record.outcome, Measured) and record.outcome.rounds:
            timed.setdefault(record.case, {})[record.contender] = record.outcome
    candidates = (
        _outlook(board, timed.get(board.case, {}), rules, (raced_s or {}).get(board.case))
        for board in boards
    )
    return tuple(outlook for outlook in candidates if outlook is not None)


def raced_for(records: Iterable[Record]) -> float:
    """Seconds that the race of these records took, as far as samples show.

    The time between the blocks is missing: flushing caches, checking results again.
    """
    measured = [r.outcome for r in records if isinstance(r.outcome, Measured)]
    return sum(len(m.samples_s) * _block_s(m) for m in measured)


def _outlook(
    board: Board, timed: Mapping[str, Measured], rules: Rules, raced_s: float | None
) -> Outlook | None:
    """The outlook of a board; None if no contender is undecided, or none met the best in rounds."""
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
        case=board.case,
        undecided=tuple(names),
        close=tuple(name for name in names if not needed[name]),
        rounds=min(len(values) for values in ratios.values()),
        first_look=next(looks(len(timed), rules)),
        needed=most,
        round_s=round_s,
        budget_s=most * round_s * _RESERVE if most and round_s is not None else None,
        processes=max(len(set(measured.units)) for measured in timed.values()),
        nothing=all(row.verdict in ("best", "undecided") for row in board.measured),
    )


def _needed(
    log_ratios: np.ndarray[tuple[int], np.dtype[np.float64]], many: int, rules: Rules
) -> int:
    """The rounds after which a contender would be decided, or tied; 0 where too many.

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
    # What flushing the caches takes doesn't show in the samples.
    rounds = max(map(len, samples.values()))
    return raced_s / rounds if raced_s is not None else None


def _block_s(measured: Measured) -> float:
    """Seconds that a block takes, its warm-up calls included."""
    call_s = median(measured.samples_s)
    return call_s * (measured.calls + warmup_calls(call_s, Policy()))
