"""The verdicts of a gate, from the fresh processes in which the two versions were timed.

The unit is the process: its blocks give one observation, the median of the log-ratios of head to
base, since what makes a whole process slow can't be known from inside it. Observations of units are
taken to be independent, with a normal spread. There are a few interim looks as units come, each of
which spends a part of the error.

Two errors are distinct. That a slowdown that matters passes (`GateRules.miss`) counts for each
contender and case. That a change which slowed nothing fails (`GateRules.alpha`) counts for all of
them together: what looks slower is only suspected, and timed again in fresh processes, which have
the whole of alpha for themselves, divided among the suspects. A contender that is confirmed as
twins is timed in fresh pairs of processes besides, which scatter too much to find what twins find,
and may refute it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, takewhile
from typing import Literal, get_args

import numpy as np

from opbench.results.records import NULL_ROLES, Case, GateRules, Method, Paired, Role, Unit
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import median, t_quantile

#: The units at the first interim look, and by how much they grow from one look to the next.
FIRST_LOOK = 4
GROWTH = 1.35
#: The share of the units at either end that count as if they were the outermost of the others.
TRIM = 0.2
#: How much more often than it should a trimmed t-interval misses with as few units as here, at most
#: (`python -m benchmarks.gate coverage`).
OVERSHOOT = 1.5
#: Fresh pairs for each contender that fresh twins confirm.
PAIRS = FIRST_LOOK
#: Seconds for a contender's two versions in a unit, before anything is known of it.
FIRST_S = 0.3
#: That grows with each look at which a contender is still undecided, up to so much.
LONGER, LONGEST_S = 1.5, 3.0
#: Seconds in a unit for a suspect: there are few of them.
SUSPECT_S = 1.0
#: The log of a ratio that is none any more.
_BEYOND = 300.0
#: The verdicts of a gate. "same" is within the slowdown that matters on both sides, "no slower" on
#: one.
GateVerdict = Literal["slower", "inconclusive", "faster", "no slower", "same"]
VERDICTS: tuple[GateVerdict, ...] = get_args(GateVerdict)
#: A contender on a case: the key of the case, and the contender's name.
Subject = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The head of a contender compared with its base on a case.

    Of units that were looked at several times, the finding at the latest look.
    """

    contender: str
    case: Case
    verdict: GateVerdict
    #: Head's time over base's.
    ratio: Interval
    #: The number of observations.
    units: int
    #: Their standard deviation, as a share; NaN of one.
    spread: float
    #: The smallest slowdown that would have been shown, as a share.
    detectable: float
    #: How the versions were timed; "unpaired" of two runs.
    method: Method | Literal["unpaired"]
    #: The role of the units; "unpaired" of two runs.
    role: Role | Literal["unpaired"]


@dataclass(frozen=True, slots=True)
class Turn:
    """The next step of a session: one more fresh process for every contender not yet decided."""

    #: Of the process.
    number: int
    #: For each contender in it.
    seconds: float
    #: The contenders that need no more units.
    decided: frozenset[Subject]

    @property
    def may_end(self) -> bool:
        """Whether a session that is out of time may end here."""
        return self.number >= FIRST_LOOK


def screening_turns(units: Sequence[Unit], rules: GateRules) -> Iterator[Turn]:
    """The turns of the first stage, without end: the caller stops where nothing is left to time.

    units: grows; the caller appends those of a turn before it asks for the next.
    """
    upcoming = looks()
    look, seconds = next(upcoming), FIRST_S
    for number in count():
        yield Turn(number, seconds, _decided(screening_findings(units, rules)))
        if number + 1 == look:
            look, seconds = next(upcoming), min(LONGER * seconds, LONGEST_S)


def confirming_turns(units: Sequence[Unit], rules: GateRules) -> Iterator[Turn]:
    """The turns of the second stage, in which suspects are timed once more; as the first."""
    for number in count():
        yield Turn(number, SUSPECT_S, _decided(confirming_findings(units, rules)))


def suspects(units: Iterable[Unit], rules: GateRules) -> frozenset[Subject]:
    """The contenders that look slower when they are screened.

    By key of the case and name of the contender, as all subjects.
    """
    return _subjects(f for f in screening_findings(units, rules) if f.verdict == "slower")


def confirmed_twins(units: Iterable[Unit], rules: GateRules) -> frozenset[Subject]:
    """The suspects that fresh twins confirm, to be verified in fresh pairs; pairs need none."""
    return _subjects(
        f for f in confirming_findings(units, rules) if (f.verdict, f.method) == ("slower", "twins")
    )


def observation(times: Paired) -> float:
    """The log of head's time over base's: the median over the rounds of one unit.

    0.01 where the head takes 1% longer.
    """
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
    inner = number - 2 * cut
    centre = float(ordered[cut : number - cut].mean())
    winsorised = np.clip(ordered, ordered[cut], ordered[number - 1 - cut])
    deviations = float(((winsorised - winsorised.mean()) ** 2).sum())
    quantile = t_quantile(inner - 1, 1 - error / OVERSHOOT)
    reach = quantile * math.sqrt(deviations / (inner * (inner - 1)))
    if reach > _BEYOND:
        # A machine that is far too busy scatters beyond what a float can hold.
        return Interval(math.exp(centre), 0.0, math.inf)
    return Interval(math.exp(centre), math.exp(centre - reach), math.exp(centre + reach))


def looks() -> Iterator[int]:
    """The interim looks, each by the number of units."""
    units = FIRST_LOOK
    while True:
        yield units
        units = math.ceil(units * GROWTH)


def finding(units: Sequence[Unit], rules: GateRules, *, error: float) -> Finding:
    """The finding of one contender on one case, at the latest look that its units reach.

    error: that either end of the ratio's interval is wrong at any of the looks.
    """
    first = units[0]
    reached = list(takewhile(lambda look: look <= len(units), looks()))
    used = reached[-1] if reached else 0
    observations = [observation(unit.times) for unit in units[: used or len(units)]]
    # A half of the error for the first look, a quarter for the second, and so on.
    ratio = interval(observations, error=error / 2 ** max(1, len(reached)))
    return Finding(
        contender=first.contender,
        case=first.case,
        verdict=verdict_of(ratio, rules) if used else "inconclusive",
        ratio=ratio,
        units=len(observations),
        spread=float(np.std(observations, ddof=1)) if len(observations) > 1 else math.nan,
        detectable=ratio.high / ratio.value - 1,
        method=first.method,
        role=first.role,
    )


def verdict_of(ratio: Interval, rules: GateRules) -> GateVerdict:
    """The verdict on an interval of the ratio of head to base.

    A change that is surely slower, but surely by less than matters, is no slower.
    """
    limit = 1 + rules.min_slowdown
    if ratio.high < limit:
        if ratio.low > 1 / limit:
            return "same"
        return "faster" if ratio.high < 1 else "no slower"
    return "slower" if ratio.low > 1 else "inconclusive"


def screening_findings(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """A finding of each contender and case that was screened; "slower" is a suspicion here."""
    return _findings(units, "screen", rules, error=rules.miss)


def confirming_findings(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """A finding of each suspect, from fresh processes; the suspects share alpha evenly."""
    units = tuple(units)
    suspects = {(unit.contender, unit.case) for unit in units if unit.role == "confirm"}
    return _findings(units, "confirm", rules, error=rules.alpha / max(1, len(suspects)))


def verifying_findings(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """A finding of each contender that fresh twins confirmed, from fresh pairs."""
    return _findings(units, "verify", rules, error=rules.alpha)


def control_findings(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """The findings of the A/A controls; either direction, with half of alpha's part, voids."""
    units = tuple(unit for unit in units if unit.role in NULL_ROLES)
    arms = {(unit.contender, unit.case, unit.method, unit.role) for unit in units}
    error = rules.alpha / max(1, 2 * len(arms))
    return tuple(f for role in NULL_ROLES for f in _findings(units, role, rules, error=error))


def decided_controls(units: Iterable[Unit], rules: GateRules) -> frozenset[Subject]:
    """The A/A controls beside screening that need no more units."""
    return _decided(f for f in control_findings(units, rules) if f.role == "null")


def is_void(controls: Iterable[Finding]) -> bool:
    """Whether an A/A control shows a difference that would be believed of a change.

    The session then proves that something is wrong with the machine or the harness, and nothing
    else.
    """
    return any(f.verdict in ("slower", "faster") for f in controls)


def findings(units: Iterable[Unit], rules: GateRules) -> tuple[Finding, ...]:
    """The final finding of each contender and case; an unconfirmed suspect is inconclusive."""
    units = tuple(units)
    again = {(f.contender, f.case): f for f in confirming_findings(units, rules)}
    pairs = {(f.contender, f.case): f for f in verifying_findings(units, rules)}
    keys = ((f, (f.contender, f.case)) for f in screening_findings(units, rules))
    return tuple(_final(f, again.get(key), pairs.get(key)) for f, key in keys)


def _subjects(findings: Iterable[Finding]) -> frozenset[Subject]:
    """The contenders and cases of some findings."""
    return frozenset((f.case.key, f.contender) for f in findings)


def _decided(findings: Iterable[Finding]) -> frozenset[Subject]:
    """The contenders and cases whose verdict is not inconclusive."""
    return _subjects(f for f in findings if f.verdict != "inconclusive")


def _final(screened: Finding, again: Finding | None, pairs: Finding | None) -> Finding:
    """The finding that counts, of those of screening, confirming and verifying."""
    if screened.verdict != "slower":
        return screened
    if again is None:
        return replace(screened, verdict="inconclusive")
    if (again.verdict, again.method) != ("slower", "twins"):
        return again
    # Pairs detect little, but nothing of what one process may do to two versions that share it.
    is_refuted = pairs is None or pairs.units < PAIRS or pairs.ratio.high < again.ratio.low
    return replace(again, verdict="inconclusive") if is_refuted else again


def _findings(
    units: Iterable[Unit], role: Role, rules: GateRules, *, error: float
) -> tuple[Finding, ...]:
    """A finding for each contender, case and method with units of a role."""
    grouped: dict[tuple[str, Case, Method], list[Unit]] = {}
    for unit in units:
        if unit.role == role:
            grouped.setdefault((unit.contender, unit.case, unit.method), []).append(unit)
    return tuple(finding(group, rules, error=error) for group in grouped.values())
