"""Verdicts of a race: each contender is best, tied, slower by so much, or undecided.

The race asks while it runs and the leaderboard asks afterwards, both by these functions, so that
what is reported is what was decided. A verdict holds for the race as a whole: the chance that any
contender gets a wrong one at any of the interim looks is at most `Rules.error`. To that end every
pair of contenders, and every look, has a part of the error to spend.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opbench.results.records import Rules
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import (
    gross_interval,
    median,
    paired_log_ratios,
    ratio_interval,
    ratio_of_units,
    rounds_needed,
)

#: The verdicts of a race.
RaceVerdict = Literal["best", "tied", "slower", "undecided"]
#: Seconds per call of a contender's blocks, by round; or by (process, round).
Samples = Mapping[Any, float]
#: From one interim look to the next, the rounds grow by this.
GROWTH = 1.25


@dataclass(frozen=True, slots=True)
class Hit:
    """How hard a block may be hit by something else that runs, and how often."""

    #: So many times as long as otherwise it takes at least.
    times: float
    #: The most that is assumed of how often that happens to one of two blocks of a round.
    chance: float
    #: Its part of the error that is for gross differences.
    share: float


#: What gross differences rest on, the rarest first: `python -m benchmarks.racing hits` measures it.
HITS = (Hit(30.0, 1 / 512, 0.01), Hit(10.0, 1 / 100, 0.01), Hit(3.0, 1 / 8, 0.98))
#: The part of the error that is for gross differences. The looks leave it: of 20,000 rounds, the
#: most that a race has, there are 36 looks, which spend 36/37.
_GROSS = 1 / 37


@dataclass(frozen=True, slots=True)
class Standing:
    """A contender in its race."""

    verdict: RaceVerdict
    #: Its time over the best's.
    ratio: Interval
    #: Of the undecided, the smallest ratio that would have been shown to be slower.
    detectable: float | None = None

    def is_settled(self, rules: Rules, *, futile_ratio: float = math.inf) -> bool:
        """Whether the verdict is there, and the ratio precise enough or beyond `futile_ratio`."""
        if self.verdict == "undecided":
            return False
        return self.ratio.relative_width <= rules.precision or self.ratio.low >= futile_ratio


def standings(race: Mapping[str, Samples], rules: Rules) -> dict[str, Standing]:
    """The standing of each contender; the samples are of at least one.

    race: the samples of each contender. The best has a ratio of 1; every other contender is
    compared with it alone, but with the error of all pairs in mind.
    """
    best = best_of(race)
    ranks = {best: Standing("best", Interval(1.0, 1.0, 1.0))}
    for name in race:
        if name != best:
            ratio = ratio_to(race[name], race[best], contenders=len(race), rules=rules)
            ranks[name] = _standing(ratio, tie=rules.tie)
    return {name: ranks[name] for name in race}


def _standing(ratio: Interval, *, tie: float) -> Standing:
    """The standing of a contender that isn't the best, by its ratio to the best."""
    verdict = verdict_of(ratio, tie=tie)
    if verdict != "undecided":
        return Standing(verdict, ratio)
    detectable = (1 + tie) * ratio.value / ratio.low if ratio.low > 0 else math.inf
    return Standing(verdict, ratio, detectable)


def best_of(race: Mapping[str, Samples]) -> str:
    """The contender that is quickest in the rounds that it shares with the others.

    The smallest median may belong to another: one that left the race early, and only has times of
    its quiet beginning.
    """
    best, *rest = sorted(race, key=lambda name: median(tuple(race[name].values())))
    for name in rest:
        log_ratios = paired_log_ratios(race[name], race[best])
        if len(log_ratios) and median(log_ratios) < 0:
            best = name
    return best


def ratio_to(slower: Samples, faster: Samples, *, contenders: int, rules: Rules) -> Interval:
    """The ratio of the time of `slower` to that of `faster`, from the rounds that both share.

    contenders: how many race, as their pairs have the error between them.
    """
    log_ratios = paired_log_ratios(slower, faster)
    error = _error_per_pair(contenders, rules)
    owners = _owners(slower, faster)
    if len(units := set(owners)) > 1:
        # Processes have one look, when all are there.
        groups = [log_ratios[[owner == unit for owner in owners]] for unit in sorted(units)]
        return ratio_of_units(groups, error=error)
    rounds = len(log_ratios)
    possible = [hit for at, hit in _gross_looks(error) if at <= rounds]
    if possible and rounds < next(_looks(error)):
        return gross_interval(log_ratios, hit=possible[-1].times)
    return ratio_interval(log_ratios, error=error * _spending(_look_at(rounds, error)))


def _owners(slower: Samples, faster: Samples) -> list[Any]:
    """The process of each round that both share; none where rounds are all of one."""
    if not isinstance(next(iter(slower), None), tuple):
        return []
    return [key[0] for key in slower if key in faster]


def verdict_of(ratio: Interval, *, tie: float) -> RaceVerdict:
    """Tied where the interval lies within the tolerance, slower where beyond it, else undecided."""
    if ratio.low > 1 + tie:
        return "slower"
    return "tied" if ratio.high <= 1 + tie and ratio.low >= 1 / (1 + tie) else "undecided"


def gross_looks(contenders: int, rules: Rules) -> tuple[tuple[int, Hit], ...]:
    """The rounds after which gross differences are seen, all before the first of the looks.

    Each with how hard one of two blocks may have been hit in each of them: a contender is slower if
    it took so much longer in every round that it had to be hit each time for it not to be so. The
    harder, the rarer, and the fewer rounds show it.
    """
    return _gross_looks(_error_per_pair(contenders, rules))


def looks(contenders: int, rules: Rules) -> Iterator[int]:
    """The interim looks, by their rounds: the first is when a verdict is possible at all."""
    return _looks(_error_per_pair(contenders, rules))


def errors(contenders: int, rules: Rules) -> Iterator[tuple[int, float]]:
    """The interim looks, by their rounds, each with the error of every pair of contenders."""
    error = _error_per_pair(contenders, rules)
    for number, rounds in enumerate(_looks(error)):
        yield rounds, error * _spending(number)


@functools.cache
def _gross_looks(error: float) -> tuple[tuple[int, Hit], ...]:
    """error: of a pair, over all looks."""

    def rounds(hit: Hit) -> int:
        """After which a hit in each of them is as unlikely as the part of the error says."""
        return math.ceil(math.log(error * _GROSS * hit.share) / math.log(hit.chance))

    return tuple((rounds(hit), hit) for hit in HITS)


def _looks(error: float) -> Iterator[int]:
    """error: of a pair, over all looks."""
    rounds = rounds_needed(error * _spending(0))
    while True:
        yield rounds
        rounds = math.ceil(rounds * GROWTH)


@functools.lru_cache(maxsize=4096)
def _look_at(rounds: int, error: float) -> int:
    """The number of the look that so many rounds belong to.

    Those of a look that the budget cut short belong to the one after.
    """
    return next(number for number, at in enumerate(_looks(error)) if at >= rounds)


def _spending(look: int) -> float:
    """The part of the error that a look spends: 1/2, 1/6, 1/12, 1/20, … which add up to 1."""
    return 1 / ((look + 1) * (look + 2))


def _error_per_pair(contenders: int, rules: Rules) -> float:
    """The error of one pair of contenders, over all looks."""
    return rules.error / max(1, math.comb(contenders, 2))
