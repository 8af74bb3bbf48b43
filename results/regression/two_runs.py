"""A change as two recorded runs show it, that were made at different times. Pure functions.

Nothing is paired: between two runs the machine became quicker or slower, and not alike for all that
it does. The time of a contender is therefore taken over that of others that didn't change
(`machine_drift`). They don't show that a contender may be off for the whole of a process: every
interval has a least reach for that, see `_LEAST`.

No rate of errors is promised, as a gate does: nobody knows what else differed between the runs.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from opbench.results.errors import EnvironmentsDifferError
from opbench.results.records import (
    Case,
    Environment,
    GateRules,
    Measured,
    Record,
    Uncompared,
    Unpaired,
    Unsupported,
)
from opbench.results.records.anchors import ANCHORS, without_anchors
from opbench.results.records.comparison import status_of
from opbench.results.records.run_folder import RunFolder
from opbench.results.regression.machine_drift import Changes, Drift, changes_of, drift_of
from opbench.results.regression.process_effects import Key, ProcessEstimates, process_estimates
from opbench.results.regression.verdicts import Finding, verdict_of
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import median, t_quantile

_LOG = logging.getLogger(__name__)
#: An interval reaches so many times as far as the unchanged contenders scatter.
FACTOR = 3.0
#: Where one in ten of the unchanged changed by more than this, nothing can be shown.
RESTLESS = math.log(1.5)
#: The least reach of an interval, as a factor, by whether the machine's own change is known from
#: the contender's race, and whether it was timed in several processes. Of a race in one process:
#: now and then a process is off by 20% for all of its life, and either run's may be. In several:
#: their luck shows, but not what an hour does to one contender and not to others (it was 8% once).
#: By other minutes: so far apart were the medians of 24 fresh processes.
_LEAST = {(True, False): 1.3, (True, True): 1.1, (False, False): 1.8, (False, True): 1.8}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpairedFinding:
    """A contender's second run compared with its first on a case."""

    #: Its ratio is without the machine's own change; the ends are 0 and infinite where nothing can
    #: be shown.
    finding: Finding
    #: The ratio of the times as they were.
    measured: float
    #: Whether the contender's source changed.
    source: Literal["same", "changed", "unknown"]
    #: How many contenders or cases the machine's own change was estimated from.
    others: int
    #: Whether these are of the contender's own race.
    of_race: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs compared.

    Its verdicts are weaker than a gate's: a run's processes were never beside those of the other.
    """

    #: The ids of the runs.
    base: str
    head: str
    rules: GateRules
    findings: tuple[UnpairedFinding, ...]
    #: Of the cases that both runs have.
    uncompared: tuple[Uncompared, ...]
    #: Contenders that were timed on cases that the other run doesn't have.
    only_in_base: tuple[Key, ...]
    only_in_head: tuple[Key, ...]
    #: How many times as slow the machine was in the second run: the median over cases between the
    #: extremes; None where the runs share no unchanged contender.
    machine: Interval | None
    #: The same by each anchor.
    anchors: tuple[tuple[Case, float], ...]

    def only(self, keep: Callable[[Case, str], bool]) -> Comparison:
        """The comparison of some contenders, which are judged by all as before."""
        findings = (f for f in self.findings if keep(f.finding.case, f.finding.contender))
        return replace(
            self,
            findings=tuple(findings),
            uncompared=tuple(u for u in self.uncompared if keep(u.case, u.contender)),
            only_in_base=tuple(key for key in self.only_in_base if keep(*key)),
            only_in_head=tuple(key for key in self.only_in_head if keep(*key)),
        )


def compare(base: RunFolder, head: RunFolder, rules: GateRules | None = None) -> Comparison:
    """Compare the run `head` with the earlier run `base`.

    Raises EnvironmentsDifferError where they weren't made in the same environment.
    """
    rules = rules or GateRules()
    ensure_comparable(base.info.environment, head.info.environment)
    before, after = base.records(), head.records()
    old, new = without_anchors(before), without_anchors(after)
    changes = changes_of(process_estimates(before), process_estimates(after))
    contenders = [key for key in changes.change if key[0].op not in ANCHORS]
    error = rules.alpha / max(1, len(contenders))
    drifts = [v for case, v in changes.drifts.items() if case.op not in ANCHORS]
    return Comparison(
        base=base.info.id,
        head=head.info.id,
        rules=rules,
        findings=tuple(_finding(key, changes, rules, error=error) for key in contenders),
        uncompared=tuple(_uncompared(old, new)),
        only_in_base=_only_in(old, new),
        only_in_head=_only_in(new, old),
        machine=_extremes(drifts) if drifts else None,
        anchors=tuple((c, math.exp(v)) for c, v in changes.drifts.items() if c.op in ANCHORS),
    )


def ensure_comparable(base: Environment, head: Environment) -> None:
    """Raises EnvironmentsDifferError, which says in what they differ, where two environments do.

    A warning says so where nothing is known of either, as of files that other programs wrote.
    """
    if base.key == head.key:
        if not base.stable:
            _LOG.warning("neither run names its machine: whether it was the same isn't known")
        return
    raise EnvironmentsDifferError(
        "the runs were made in different environments, and their times can't be compared:\n"
        + "\n".join(f"  {line}" for line in differing_facts(base, head, names=("base", "head")))
        + "\nrace the base here, or measure both versions in turn with `opbench gate --base REF`"
    )


def differing_facts(one: Environment, other: Environment, *, names: tuple[str, str]) -> list[str]:
    """In what two environments differ, a line each. names: what either is called in it."""
    old, new = dict(one.stable), dict(other.stable)
    here, there = names
    return [
        f"{fact}: {old.get(fact, 'unknown')} in {here}, {new.get(fact, 'unknown')} in {there}"
        for fact in dict.fromkeys((*old, *new))
        if old.get(fact) != new.get(fact)
    ] or [f"key: {one.key} in {here}, {other.key} in {there}"]


def _finding(key: Key, changes: Changes, rules: GateRules, *, error: float) -> UnpairedFinding:
    """error: that an end of the interval is wrong by the luck of processes, where that shows."""
    case, name = key
    old, new = changes.base[key], changes.head[key]
    drift = drift_of(key, changes)
    value, reach = changes.change[key] - drift.log, _reach(old, new, drift, error=error)
    ratio = Interval(math.exp(value), math.exp(value - reach), math.exp(value + reach))
    spreads = [float(np.std(run.logs, ddof=1)) for run in (old, new) if len(run.logs) > 1]
    finding = Finding(
        contender=name,
        case=case,
        verdict=verdict_of(ratio, rules),
        ratio=ratio,
        units=min(len(old.logs), len(new.logs)),
        spread=max(spreads, default=math.nan),
        detectable=ratio.high / ratio.value - 1,
        method="unpaired",
        role="unpaired",
    )
    return UnpairedFinding(
        finding=finding,
        measured=math.exp(changes.change[key]),
        source=_source(old.fingerprint, new.fingerprint),
        others=drift.others,
        of_race=drift.of_race,
    )


def _source(old: str, new: str) -> Literal["same", "changed", "unknown"]:
    """Whether two fingerprints are the same; unknown where one is missing."""
    if not (old and new):
        return "unknown"
    return "same" if old == new else "changed"


def _reach(old: ProcessEstimates, new: ProcessEstimates, drift: Drift, *, error: float) -> float:
    """The reach of the interval of a contender's change, as a logarithm."""
    several = min(len(old.logs), len(new.logs)) > 1
    return max(
        math.log(_LEAST[drift.of_race, several]),
        FACTOR * drift.scatter if drift.scatter <= RESTLESS else math.inf,
        _luck(old.logs, new.logs, error=error) if several else 0.0,
    )


def _luck(old: Sequence[float], new: Sequence[float], *, error: float) -> float:
    """The reach of the difference of means, from the spread between processes (Welch's interval).

    At least two processes each. Either end is wrong with a chance of at most `error`.
    """
    parts = [float(np.var(logs, ddof=1)) / len(logs) for logs in (old, new)]
    total = sum(parts)
    if total == 0:
        return 0.0
    freedom = total**2 / sum(
        p**2 / (len(logs) - 1) for p, logs in zip(parts, (old, new), strict=True)
    )
    return t_quantile(freedom, 1 - error) * math.sqrt(total)


def _extremes(logs: Sequence[float]) -> Interval:
    """The median of some ratios between the smallest and the largest, from their logarithms."""
    return Interval(math.exp(median(logs)), math.exp(min(logs)), math.exp(max(logs)))


def _only_in(records: Iterable[Record], others: Iterable[Record]) -> tuple[Key, ...]:
    """The contenders that were timed on cases that none of the others is of."""
    cases = {record.case for record in others}
    timed = (r for r in records if isinstance(r.outcome, Measured) and r.case not in cases)
    return tuple((record.case, record.contender) for record in timed)


def _uncompared(base: Iterable[Record], head: Iterable[Record]) -> Iterator[Uncompared]:
    """The contenders of common cases that weren't measured in both runs."""
    old, new = ({(r.case, r.contender): r.outcome for r in records} for records in (base, head))
    shared = {case for case, _ in old} & {case for case, _ in new}
    absent = Unsupported("not in this run")
    for case, name in dict.fromkeys((*old, *new)):
        before, after = (run.get((case, name), absent) for run in (old, new))
        outcome = Unpaired(
            None if isinstance(before, Measured) else before,
            None if isinstance(after, Measured) else after,
        )
        if case in shared and outcome != Unpaired():
            yield Uncompared(name, case, status_of(outcome), outcome)
