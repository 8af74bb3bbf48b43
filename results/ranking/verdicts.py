"""How the contenders of a race stand: best, tied, slower by so much, or undecided.

The race asks while it runs and the leaderboard asks afterwards: both by these functions, so that
what was decided is what is told. A verdict holds for the race as a whole: the chance that any of
its contenders, at any of the moments at which it was looked at, gets a wrong one is at most
`Rules.error`. To that end every pair of contenders and every look gets its share of the error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opbench.results.records import Rules
from opbench.results.statistics.intervals import (
    Interval,
    median,
    paired_log_ratios,
    ratio_interval,
    ratio_of_units,
    rounds_needed,
)

#: Seconds per call of a contender's blocks, by round; or by (process, round).
Samples = Mapping[Any, float]
#: The race is looked at each time that the rounds have grown by this.
GROWTH = 1.25


@dataclass(frozen=True, slots=True)
class Standing:
    """A contender in its race.

    verdict: "best", "tied", "slower" or "undecided". ratio: its time over the best's.
    detectable: for the undecided the ratio that would have been found slower, else None.
    """

    verdict: str
    ratio: Interval
    detectable: float | None = None

    def settled(self, rules: Rules, *, futile_ratio: float = math.inf) -> bool:
        """Whether nothing is left to learn: the verdict is there and the ratio precise enough.

        A contender that surely takes `futile_ratio` times as long need not be known precisely.
        """
        if self.verdict == "undecided":
            return False
        return self.ratio.relative_width <= rules.precision or self.ratio.low >= futile_ratio


def standings(race: Mapping[str, Samples], rules: Rules) -> dict[str, Standing]:
    """How each contender stands; the samples of at least one."""
    best = best_of(race)
    found = {}
    for name, samples in race.items():
        if name == best:
            found[name] = Standing("best", Interval(1.0, 1.0, 1.0))
            continue
        ratio = ratio_to(samples, race[best], contenders=len(race), rules=rules)
        verdict = verdict_of(ratio, tie=rules.tie)
        seen = None
        if verdict == "undecided":
            seen = (1 + rules.tie) * ratio.value / ratio.low if ratio.low > 0 else math.inf
        found[name] = Standing(verdict, ratio, seen)
    return found


def best_of(race: Mapping[str, Samples]) -> str:
    """The one that is quickest in the rounds it shares with the others.

    The smallest median may belong to another: one that left the race early, and only knows its
    quiet beginning.
    """
    best, *rest = sorted(race, key=lambda name: median(tuple(race[name].values())))
    for name in rest:
        log_ratios = paired_log_ratios(race[name], race[best])
        if len(log_ratios) and median(log_ratios) < 0:
            best = name
    return best


def ratio_to(slower: Samples, faster: Samples, *, contenders: int, rules: Rules) -> Interval:
    """How many times as long it takes, from what both were timed in.

    contenders: how many race, as the error is shared out among their pairs.
    """
    log_ratios = paired_log_ratios(slower, faster)
    shared = [key for key in slower if key in faster]
    pair = rules.error / _pairs(contenders)
    units = {key[0] for key in shared if isinstance(key, tuple)}
    if len(units) > 1:
        # Processes are looked at once, when all are there.
        owners = [key[0] for key in shared if isinstance(key, tuple)]
        groups = [log_ratios[[owner == unit for owner in owners]] for unit in sorted(units)]
        return ratio_of_units(groups, error=pair)
    return ratio_interval(log_ratios, error=pair * _share(_look(len(shared), pair)))


def verdict_of(ratio: Interval, *, tie: float) -> str:
    """Tied where the interval lies within the tolerance on both sides, slower where beyond it."""
    if ratio.low > 1 + tie:
        return "slower"
    return "tied" if ratio.high <= 1 + tie and ratio.low >= 1 / (1 + tie) else "undecided"


def looks(contenders: int, rules: Rules) -> Iterator[int]:
    """After how many rounds a race is looked at: first when a verdict is possible at all."""
    return _looks(rules.error / _pairs(contenders))


def errors(contenders: int, rules: Rules) -> Iterator[tuple[int, float]]:
    """The looks, by their rounds, each with the error that every pair of contenders then has."""
    pair = rules.error / _pairs(contenders)
    for number, rounds in enumerate(_looks(pair)):
        yield rounds, pair * _share(number)


def _looks(pair: float) -> Iterator[int]:
    rounds = rounds_needed(pair * _share(0))
    while True:
        yield rounds
        rounds = math.ceil(rounds * GROWTH)


def _look(rounds: int, pair: float) -> int:
    """Which look so many rounds belong to: one that the budget cut short counts as the next."""
    return next(number for number, at in enumerate(_looks(pair)) if at >= rounds)


def _share(look: int) -> float:
    """A look's share of the error: 1/2, 1/6, 1/12, 1/20, … which add up to 1."""
    return 1 / ((look + 1) * (look + 2))


def _pairs(contenders: int) -> int:
    return max(1, math.comb(contenders, 2))
