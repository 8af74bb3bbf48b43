"""What two recorded runs, made at different times, tell of a change. Pure functions.

Nothing is paired: between two runs the machine became quicker or slower, and not alike for all that
it does. What a contender took is therefore told by what others took that didn't change: by those of
its own race where there are enough, which were timed in the same minutes in both runs; else by how
other cases and the machine's anchors changed. How far these scatter is how far the machine alone
may move a contender. They don't tell that a contender may be off for the whole of a process: every
interval has a least reach for that, see `_LEAST`.

No rate of errors is promised, as a gate does: nobody knows what else differed between the runs.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

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
from opbench.results.regression.process_effects import MIN_OTHERS, Key, Level, levels
from opbench.results.regression.verdicts import Finding, verdict_of
from opbench.results.statistics.intervals import Interval, median, t_quantile

_LOG = logging.getLogger(__name__)
#: What the units of such a finding are called, as of a gate's METHODS and ROLES.
UNPAIRED = "unpaired"
#: An interval reaches so many times as far as this share of the unchanged contenders strayed.
FACTOR, WITHIN = 3.0, 0.9
#: Where one in ten of the unchanged changed by more than this, nothing can be told.
RESTLESS = math.log(1.5)
#: The least reach of an interval, as a factor, by whether a contender is told by others beside it
#: and was timed in several processes. Beside others, in one process: now and then a process is off
#: by 20% for all of its life, and either run's may be. In several: their luck is seen, but not what
#: an hour does to one contender and not to others (8% was seen). By other minutes: so far apart
#: were the medians of 24 fresh processes.
_LEAST = {(True, False): 1.3, (True, True): 1.1, (False, False): 1.8, (False, True): 1.8}


@dataclass(frozen=True, slots=True)
class Compared:
    """How a contender's second run compares to its first on a case.

    finding: its ratio is without the machine's own change; ratio.low and high are 0 and infinite
    where nothing can be told. measured: the ratio of the times as they were. source: "same",
    "changed" or "unknown". others: by how many the machine's own change was told; beside: whether
    these were of its own race.
    """

    finding: Finding
    measured: float
    source: str
    others: int
    beside: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs tell, by their ids.

    uncompared: of the cases that both have. gone, fresh: who was timed on cases that nobody has in
    the second run, or in the first.
    machine: how many times as slow the second run found it, the median over cases between the
    extremes; None where they share no unchanged contender. anchors: the same of each of them.
    """

    base: str
    head: str
    rules: GateRules
    compared: tuple[Compared, ...]
    uncompared: tuple[Uncompared, ...]
    gone: tuple[Key, ...]
    fresh: tuple[Key, ...]
    machine: Interval | None
    anchors: tuple[tuple[Case, float], ...]

    def only(self, wanted: Callable[[Case, str], bool]) -> Comparison:
        """Of the contenders that are wanted; they are judged by all, as before."""
        found = (c for c in self.compared if wanted(c.finding.case, c.finding.contender))
        others = (u for u in self.uncompared if wanted(u.case, u.contender))
        return replace(
            self,
            compared=tuple(found),
            uncompared=tuple(others),
            gone=tuple(key for key in self.gone if wanted(*key)),
            fresh=tuple(key for key in self.fresh if wanted(*key)),
        )


def compare(base: RunFolder, head: RunFolder, rules: GateRules | None = None) -> Comparison:
    """What the run `head` tells of a change since the run `base`.

    Raises EnvironmentsDifferError where they weren't made in the same environment.
    """
    rules = rules or GateRules()
    ensure_comparable(base.info.environment, head.info.environment)
    before, after = base.records(), head.records()
    old, new = without_anchors(before), without_anchors(after)
    changes = _changes(levels(before), levels(after))
    contenders = [key for key in changes.change if key[0].op not in ANCHORS]
    error = rules.alpha / max(1, len(contenders))
    drifts = [v for case, v in changes.drifts.items() if case.op not in ANCHORS]
    return Comparison(
        base.info.id,
        head.info.id,
        rules,
        tuple(_judged(key, changes, rules, error=error) for key in contenders),
        tuple(_uncompared(old, new)),
        _elsewhere(old, new),
        _elsewhere(new, old),
        _between(drifts) if drifts else None,
        tuple((case, math.exp(v)) for case, v in changes.drifts.items() if case.op in ANCHORS),
    )


def ensure_comparable(base: Environment, head: Environment) -> None:
    """Raises EnvironmentsDifferError, which says in what they differ, where two environments do.

    A warning says so where nothing is known of either, as of files that other programs wrote.
    """
    if base.key == head.key:
        if not base.stable:
            _LOG.warning("neither run tells its machine: whether it was the same isn't known")
        return
    old, new = dict(base.stable), dict(head.stable)
    lines = [
        f"  {name}: {old.get(name, 'unknown')} in base, {new.get(name, 'unknown')} in head"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]
    raise EnvironmentsDifferError(
        "the runs were made in different environments, and their times can't be compared:\n"
        + "\n".join(lines or [f"  key: {base.key} in base, {head.key} in head"])
        + "\nrace the base here, or measure both versions in turn with `opbench gate --base REF`"
    )


@dataclass(frozen=True, slots=True)
class _Changes:
    """What changed between two runs, as differences of log seconds.

    change: of all that both timed, anchors too. beside: by case, of the contenders that were timed
    beside others and whose source is the same. strays: how far each of these is from the others of
    its case, where they are enough. drifts: of each case, the median over those whose source is the
    same.
    """

    base: Mapping[Key, Level]
    head: Mapping[Key, Level]
    change: Mapping[Key, float]
    beside: Mapping[Case, Mapping[str, float]]
    strays: Mapping[Key, float]
    drifts: Mapping[Case, float]


@dataclass(frozen=True, slots=True)
class _Machine:
    """By how much the machine alone changed a contender: about `drift`, give or take `scatter`.

    others: by how many that was told; beside: whether in the contender's own race.
    """

    drift: float
    scatter: float
    others: int
    beside: bool


def _changes(base: Mapping[Key, Level], head: Mapping[Key, Level]) -> _Changes:
    change = {key: head[key].log - base[key].log for key in base if key in head}
    unchanged: dict[Case, dict[str, float]] = {}
    beside: dict[Case, dict[str, float]] = {}
    for (case, name), value in change.items():
        old, new = base[case, name], head[case, name]
        if old.fingerprint == new.fingerprint:
            unchanged.setdefault(case, {})[name] = value
            if old.beside and new.beside:
                beside.setdefault(case, {})[name] = value
    strays = {
        (case, name): abs(value - median(others))
        for case, race in beside.items()
        for name, value in race.items()
        if len(others := _others(race, name)) >= MIN_OTHERS
    }
    drifts = {case: median(list(race.values())) for case, race in unchanged.items()}
    return _Changes(base, head, change, beside, strays, drifts)


def _judged(key: Key, changes: _Changes, rules: GateRules, *, error: float) -> Compared:
    """error: that an end of the interval is wrong by the luck of processes, where it is seen."""
    case, name = key
    old, new = changes.base[key], changes.head[key]
    units = min(len(old.logs), len(new.logs))
    machine = _machine(key, changes)
    reach = max(
        math.log(_LEAST[machine.beside, units > 1]),
        FACTOR * machine.scatter if machine.scatter <= RESTLESS else math.inf,
        _luck(old.logs, new.logs, error=error) if units > 1 else 0.0,
    )
    value = changes.change[key] - machine.drift
    ratio = Interval(math.exp(value), math.exp(value - reach), math.exp(value + reach))
    spreads = [float(np.std(level.logs, ddof=1)) for level in (old, new) if len(level.logs) > 1]
    found = Finding(
        name,
        case,
        verdict_of(ratio, rules),
        ratio,
        units,
        max(spreads, default=math.nan),
        ratio.high / ratio.value - 1,
        UNPAIRED,
        UNPAIRED,
    )
    same = old.fingerprint == new.fingerprint
    return Compared(
        found,
        math.exp(changes.change[key]),
        ("same" if same else "changed") if old.fingerprint and new.fingerprint else "unknown",
        machine.others,
        machine.beside,
    )


def _machine(key: Key, changes: _Changes) -> _Machine:
    case, name = key
    near = _others(changes.beside.get(case, {}), name)
    if changes.base[key].beside and changes.head[key].beside and len(near) >= MIN_OTHERS:
        drift = median(near)
        far = [stray for other, stray in changes.strays.items() if other != key]
        scatter = max(_scatter([abs(value - drift) for value in near]), _scatter(far))
        return _Machine(drift, scatter, len(near), True)
    seen = [v for c, v in changes.drifts.items() if c != case and c.device == case.device]
    if len(seen) < MIN_OTHERS:
        return _Machine(median(seen) if seen else 0.0, math.inf, len(seen), False)
    drift = median(seen)
    return _Machine(drift, _scatter([abs(value - drift) for value in seen]), len(seen), False)


def _scatter(distances: Sequence[float]) -> float:
    """What the share WITHIN of some distances stays below."""
    return float(np.quantile(distances, WITHIN)) if distances else 0.0


def _luck(old: Sequence[float], new: Sequence[float], *, error: float) -> float:
    """How far the difference of means reaches by what differs between processes (Welch's interval).

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


def _others(race: Mapping[str, float], name: str) -> list[float]:
    return [value for other, value in race.items() if other != name]


def _between(logs: Sequence[float]) -> Interval:
    return Interval(math.exp(median(logs)), math.exp(min(logs)), math.exp(max(logs)))


def _elsewhere(records: Iterable[Record], others: Iterable[Record]) -> tuple[Key, ...]:
    """Who was timed on cases that none of the others is of."""
    cases = {record.case for record in others}
    timed = (r for r in records if isinstance(r.outcome, Measured) and r.case not in cases)
    return tuple((record.case, record.contender) for record in timed)


def _uncompared(base: Iterable[Record], head: Iterable[Record]) -> Iterator[Uncompared]:
    old, new = ({(r.case, r.contender): r.outcome for r in records} for records in (base, head))
    shared = {case for case, _ in old} & {case for case, _ in new}
    absent = Unsupported("not in this run")
    for case, name in dict.fromkeys((*old, *new)):
        before, after = (run.get((case, name), absent) for run in (old, new))
        refused = Unpaired(
            None if isinstance(before, Measured) else before,
            None if isinstance(after, Measured) else after,
        )
        if case in shared and refused != Unpaired():
            yield Uncompared(name, case, status_of(refused), refused)
