"""What a gate decides of each contender, from the fresh processes in which its versions were timed.

The unit is the process: its blocks give one observation, the median of the log-ratios of head to
base, since what makes a whole process slow can't be known from inside it. Observations of units are
taken to be independent, with a normal spread, and looked at a few times as they come; every look
has its share of the error.

Two errors are kept apart. That a slowdown that matters passes (`GateRules.miss`) counts for each
contender and case. That a change which slowed nothing fails (`GateRules.alpha`) counts for all of
them together: what looks slower is only flagged, and timed again in fresh processes, which have the
whole of alpha for themselves, shared out among the flagged. Who is confirmed as twins is timed in
fresh pairs of processes besides, which scatter too much to find what twins find, and may acquit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from opbench.results.records import NULL_ROLES, Case, GateRules, Paired, Unit
from opbench.results.statistics.intervals import Interval, median, t_quantile

#: The units after which contenders are first looked at, and by how much they grow between looks.
FIRST_LOOK = 4
GROWTH = 1.35
#: The share of the units at either end that count as if they were the outermost of the others.
TRIM = 0.2
#: How much more often than it should a trimmed t-interval misses with as few units as here, at most
#: (`python -m benchmarks.gate coverage`).
OVERSHOOT = 1.5
#: Fresh pairs that those are timed in whom fresh twins confirm.
PAIRS = FIRST_LOOK
#: Seconds that a contender's two versions are raced for in a unit, before anything is known of it.
FIRST_S = 0.3
#: That grows with each look at which a contender is still undecided, up to so much.
LONGER, LONGEST_S = 1.5, 3.0
#: Seconds in a unit for who is flagged: there are few of them.
FLAGGED_S = 1.0
#: The log of a ratio that is none any more.
_BEYOND = 300.0
#: What can be said of a contender's change.
VERDICTS = ("slower", "inconclusive", "faster", "no slower", "same")


@dataclass(frozen=True, slots=True)
class Finding:
    """How a contender's head compares to its base on a case.

    verdict: one of VERDICTS; "same" is within the slowdown that matters on both sides, "no slower"
    on one. ratio: of head's time to base's. units: observations that it rests on, and spread, their
    standard deviation, as a share. seen: the smallest slowdown that would have been noticed.
    method, role: of the units.
    """

    contender: str
    case: Case
    verdict: str
    ratio: Interval
    units: int
    spread: float
    seen: float
    method: str
    role: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What a session does next: times everybody who isn't decided in one more fresh process.

    number: of that process. seconds: for each of them. decided: by key of the case and contender,
    those of whom enough is known.
    """

    number: int
    seconds: float
    decided: frozenset[tuple[str, str]]

    @property
    def may_end(self) -> bool:
        """Whether a session that is out of time may end here."""
        return self.number >= FIRST_LOOK


def screening(units: Sequence[Unit], rules: GateRules) -> Iterator[Turn]:
    """Turn after turn of a session's first part; who asks for the next has added its units.

    It goes on until who asks ends it: where nobody is left to be timed, or time is over.
    """
    upcoming = looks()
    look, seconds = next(upcoming), FIRST_S
    for number in count():
        yield Turn(number, seconds, _decided(screened(units, rules)))
        if number + 1 == look:
            look, seconds = next(upcoming), min(LONGER * seconds, LONGEST_S)


def flagged(units: Iterable[Unit], rules: GateRules) -> frozenset[tuple[str, str]]:
    """By key of the case and contender, those that the screening takes for slower."""
    found = screened(units, rules)
    return frozenset((f.case.key, f.contender) for f in found if f.verdict == "slower")


def confirming(units: Sequence[Unit], rules: GateRules) -> Iterator[Turn]:
    """Turn after turn of a session's second part, in which the flagged are timed once more."""
    for number in count():
        yield Turn(number, FLAGGED_S, _decided(confirmed(units, rules)))


def observation(times: Paired) -> float:
    """The log of head's time over base's: the median over the rounds of one unit."""
    return median(np.log(np.asarray(times.head_s) / np.asarray(times.base_s)))


def interval(observations: Sequence[float], *, error: float) -> Interval:
    """Ratio of units; either end misses the true ratio with a chance of at most `error`.

    observations: log-ratios, one per unit. Their trimmed mean with its t-interval (Yuen, "The
    two-sample trimmed t for unequal population variances", Biometrika 61, 1974, for one sample):
    now and then a process is off by far, for all of its life. Unbounded where there is but one.
    """
    number = len(observations)
    if number < 2:
        return Interval(math.exp(observations[0]) if number else math.nan, 0.0, math.inf)
    ordered = np.sort(np.asarray(observations, dtype=np.float64))
    cut = int(TRIM * number)
    kept = number - 2 * cut
    centre = float(ordered[cut : number - cut].mean())
    winsorised = np.clip(ordered, ordered[cut], ordered[number - 1 - cut])
    deviations = float(((winsorised - winsorised.mean()) ** 2).sum())
    quantile = t_quantile(kept - 1, 1 - error / OVERSHOOT)
    reach = quantile * math.sqrt(deviations / (kept * (kept - 1)))
    if reach > _BEYOND:
        # A machine that is far too busy scatters beyond what a float can hold.
        return Interval(math.exp(centre), 0.0, math.inf)
    return Interval(math.exp(centre), math.exp(centre - reach), math.exp(centre + reach))


def looks() -> Iterator[int]:
    """After how many units contenders are looked at."""
    units = FIRST_LOOK
    while True:
        yield units
        units = math.ceil(units * GROWTH)


def finding(units: Sequence[Unit], rules: GateRules, *, error: float) -> Finding:
    """What the units of one contender on one case say, at the latest look that they reach.

    error: that either end of the ratio's interval is wrong at any of the looks.
    """
    first = units[0]
    used = _looked_at(len(units))
    observations = [observation(unit.times) for unit in units[: used or len(units)]]
    # A half of the error for the first look, a quarter for the second, and so on.
    share = error / 2 ** (1 + sum(1 for _ in _looks_before(used)))
    ratio = interval(observations, error=share)
    verdict = verdict_of(ratio, rules) if used else "inconclusive"
    return Finding(
        first.contender,
        first.case,
        verdict,
        ratio,
        len(observations),
        float(np.std(observations, ddof=1)) if len(observations) > 1 else math.nan,
        ratio.high / ratio.value - 1,
        first.method,
        first.role,
    )


def verdict_of(ratio: Interval, rules: GateRules) -> str:
    """What an interval of the ratio of head to base says.

    What is surely slower than it was, but surely by less than matters, is no slower.
    """
    limit = 1 + rules.min_slowdown
    if ratio.high < limit:
        if ratio.low > 1 / limit:
            return "same"
        return "faster" if ratio.high < 1 else "no slower"
    return "slower" if ratio.low > 1 else "inconclusive"


def screened(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """What was found of each contender and case when it was screened; "slower" is a flag here."""
    return _findings(units, "screen", rules, error=rules.miss)


def confirmed(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """What fresh processes say of those contenders that were flagged."""
    units = tuple(units)
    flagged = {(unit.contender, unit.case) for unit in units if unit.role == "confirm"}
    return _findings(units, "confirm", rules, error=rules.alpha / max(1, len(flagged)))


def accused(units: Iterable[Unit], rules: GateRules) -> frozenset[tuple[str, str]]:
    """By key of the case and contender, those whom fresh twins confirm, for fresh pairs to see."""
    found = confirmed(units, rules)
    return frozenset(
        (f.case.key, f.contender) for f in found if (f.verdict, f.method) == ("slower", "twins")
    )


def verified(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """What fresh pairs say of those whom fresh twins confirmed."""
    return _findings(units, "verify", rules, error=rules.alpha)


def nulls(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """What was found where the base was raced against itself: it should differ from nobody."""
    units = tuple(unit for unit in units if unit.role in NULL_ROLES)
    arms = {(unit.contender, unit.case, unit.method, unit.role) for unit in units}
    error = rules.alpha / max(1, 2 * len(arms))
    return tuple(f for role in NULL_ROLES for f in _findings(units, role, rules, error=error))


def settled_nulls(units: Iterable[Unit], rules: GateRules) -> frozenset[tuple[str, str]]:
    """By key of the case and contender, those null arms of which screening knows enough."""
    return _decided(found for found in nulls(units, rules) if found.role == "null")


def is_void(found: Iterable[Finding]) -> bool:
    """Whether a null arm shows a difference that would be believed of a change."""
    return any(f.verdict in ("slower", "faster") for f in found)


def findings(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """The last word on each contender and case: of fresh processes where it was flagged.

    A flag is inconclusive that wasn't taken to fresh processes, or that fresh pairs contradict.
    """
    units = tuple(units)
    again = {(f.contender, f.case): f for f in confirmed(units, rules)}
    pairs = {(f.contender, f.case): f for f in verified(units, rules)}
    keys = ((f, (f.contender, f.case)) for f in screened(units, rules))
    return tuple(_last_word(f, again.get(key), pairs.get(key)) for f, key in keys)


def _decided(found: Iterable[Finding]) -> frozenset[tuple[str, str]]:
    return frozenset((f.case.key, f.contender) for f in found if f.verdict != "inconclusive")


def _last_word(screened: Finding, again: Finding | None, pairs: Finding | None) -> Finding:
    if screened.verdict != "slower":
        return screened
    if again is None:
        return replace(screened, verdict="inconclusive")
    if (again.verdict, again.method) != ("slower", "twins"):
        return again
    # Pairs see little, but nothing of what one process may do to two versions that share it.
    acquitted = pairs is None or pairs.units < PAIRS or pairs.ratio.high < again.ratio.low
    return replace(again, verdict="inconclusive") if acquitted else again


def _findings(
    units: Iterable[Unit], role: str, rules: GateRules, *, error: float
) -> tuple[Finding, ...]:
    grouped: dict[tuple[str, Case, str], list[Unit]] = {}
    for unit in units:
        if unit.role == role:
            grouped.setdefault((unit.contender, unit.case, unit.method), []).append(unit)
    return tuple(finding(group, rules, error=error) for group in grouped.values())


def _looked_at(count: int) -> int:
    """How many of so many units were there at the latest look; 0 before the first."""
    latest = 0
    for look in looks():
        if look > count:
            return latest
        latest = look
    return latest


def _looks_before(units: int) -> Iterator[int]:
    for look in looks():
        if look >= units:
            return
        yield look
