"""A gate's sessions, played again with units that were recorded once: how often it errs.

A recording holds many fresh processes in which nothing differed, and many in which every head was
slowed down by a known share. A resampled session draws its processes from them, each once, and asks
the very functions by which a real one is decided. Sessions of one recording share processes, so
that their number makes no recording longer than it was.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import special

from results import gating
from results.errors import RunFolderError
from results.gating import Finding
from results.record import GateRules, Paired, Unit
from results.stats import Interval, median

#: A contender on a case: the key of the case, and its name.
Subject = tuple[str, str]
#: The units of one process, by what they are of.
Process = Mapping[Subject, Unit]


@dataclass(frozen=True, slots=True)
class Pool:
    """Recorded units, process by process, by method, role and what was injected into every head."""

    processes: Mapping[tuple[str, str, float], tuple[Process, ...]]

    @property
    def shares(self) -> tuple[float, ...]:
        """What was injected, by size; nothing, too, is not among them."""
        return tuple(sorted({share for _, _, share in self.processes if share}))

    def of(self, method: str, role: str, share: float = 0.0) -> tuple[Process, ...]:
        """The processes of a kind. Raises RunFolderError where none was recorded."""
        found = self.processes.get((method, role, share), ())
        if not found:
            raise RunFolderError(
                f"no {method} were recorded with {share:.0%} injected: record more"
            )
        return found

    def subjects(self, share: float = 0.0) -> tuple[Subject, ...]:
        """All that was recorded both as twins and as pairs, with so much injected."""
        twins = self.of("twins", "screen", share)
        pairs = {subject for process in self.of("pairs", "confirm", share) for subject in process}
        return tuple(dict.fromkeys(s for process in twins for s in process if s in pairs))


@dataclass(frozen=True, slots=True)
class Session:
    """What came of a session. processes: that it took, fresh pairs included."""

    findings: tuple[Finding, ...]
    is_void: bool
    processes: int

    @property
    def failed(self) -> tuple[Subject, ...]:
        """What it fails for."""
        slower = (f for f in self.findings if f.verdict == "slower" and not self.is_void)
        return tuple((f.case.key, f.contender) for f in slower)

    @property
    def outcome(self) -> str:
        """What its exit code says: "void", "failed", "inconclusive" or "passed"."""
        if self.is_void:
            return "void"
        if self.failed:
            return "failed"
        undecided = any(f.verdict == "inconclusive" for f in self.findings)
        return "inconclusive" if undecided else "passed"


def pool_of(units: Iterable[Unit]) -> Pool:
    """The pool of a recording's units, each boiled down to its observation."""
    found: dict[tuple[str, str, float], dict[int, dict[Subject, Unit]]] = {}
    for unit in units:
        boiled = replace(unit, times=Paired((1.0,), (math.exp(gating.observation(unit.times)),)))
        numbered = found.setdefault((unit.method, unit.role, unit.injected), {})
        numbered.setdefault(unit.number, {})[unit.case.key, unit.contender] = boiled
    return Pool({kind: tuple(numbered.values()) for kind, numbered in found.items()})


def session(
    pool: Pool, rules: GateRules, rng: random.Random, slowed: Mapping[Subject, float]
) -> Session:
    """A session of everything in the pool, with these subjects slowed down by so much.

    Where the processes of the pool are used up, what is undecided then stays so. Raises
    RunFolderError where the pool has none of a kind that is needed.
    """
    shares = sorted({0.0, *slowed.values()})
    twins = {share: _shuffled(pool.of("twins", "screen", share), rng) for share in shares}
    pairs = {share: _shuffled(pool.of("pairs", "confirm", share), rng) for share in shares}
    # Nothing differs there either: what else is drawn of them stands for the base against itself.
    nulls = _shuffled(pool.of("twins", "null"), rng)
    again = _shuffled(pool.of("pairs", "confirm"), rng)
    units: list[Unit] = []
    left = frozenset(pool.subjects())
    number = 0
    for turn in gating.screening(units, rules):
        wanted = left - turn.decided
        if not wanted or turn.number >= min(map(len, twins.values())):
            break
        units += _drawn(twins, turn.number, wanted, slowed)
        units += nulls[turn.number % len(nulls)].values()
        number += 1
    left = gating.flagged(units, rules)
    for turn in gating.confirming(units, rules) if left else ():
        wanted = left - turn.decided
        if not wanted or turn.number >= min(map(len, pairs.values())):
            break
        units += _drawn(pairs, turn.number, wanted, slowed)
        base = (again[turn.number].get(subject) for subject in wanted)
        units += (replace(unit, role="null") for unit in base if unit is not None)
        number += 1
    return Session(
        gating.findings(units, rules), gating.is_void(gating.nulls(units, rules)), number
    )


def unchanged(pool: Pool, rules: GateRules, *, sessions: int, seed: int = 0) -> Counter[str]:
    """The outcomes of so many sessions in which nothing differs: none should be "failed"."""
    play = partial(session, pool, rules, slowed={})
    return Counter(play(rng=random.Random(f"{seed}/{n}")).outcome for n in range(sessions))


def slowed(
    pool: Pool, rules: GateRules, share: float, *, sessions: int, seed: int = 0
) -> Counter[str]:
    """The outcomes of so many sessions in which one contender, each in turn, is slower by a share.

    "found" where that contender fails, whoever else does; "failed" where only others do.
    """
    counts: Counter[str] = Counter()
    subjects = pool.subjects(share)
    for number in range(sessions):
        target = subjects[number % len(subjects)]
        rng = random.Random(f"{seed}/{share}/{number}")
        played = session(pool, rules, rng, {target: share})
        counts["found" if target in played.failed else played.outcome] += 1
    return counts


def spread(pool: Pool, method: str) -> dict[Subject, float]:
    """The standard deviation between units of each subject where nothing differed, as a share."""
    role = "screen" if method == "twins" else "confirm"
    seen: dict[Subject, list[float]] = {}
    for process in pool.of(method, role):
        for subject, unit in process.items():
            seen.setdefault(subject, []).append(gating.observation(unit.times))
    return {s: float(np.std(values, ddof=1)) for s, values in seen.items() if len(values) > 1}


def injected(pool: Pool, share: float) -> float:
    """What an injected share was measured to be, as twins: the median over all subjects."""
    seen = (p.values() for p in pool.of("twins", "screen", share))
    return math.exp(median([gating.observation(u.times) for units in seen for u in units])) - 1


def rate(count: int, trials: int, *, error: float = 0.05) -> Interval:
    """A share of trials with its interval by Clopper and Pearson, which misses as often as that."""
    low = float(special.betaincinv(count, trials - count + 1, error / 2)) if count else 0.0
    rest = trials - count
    high = float(special.betaincinv(count + 1, rest, 1 - error / 2)) if rest else 1.0
    return Interval(count / trials, low, high)


def _shuffled(processes: tuple[Process, ...], rng: random.Random) -> list[Process]:
    return rng.sample(processes, len(processes))


def _drawn(
    processes: Mapping[float, list[Process]],
    number: int,
    wanted: Iterable[Subject],
    slowed: Mapping[Subject, float],
) -> list[Unit]:
    """The units of one turn: each subject's from the processes with what is injected into it."""
    drawn = (processes[slowed.get(s, 0.0)][number].get(s) for s in sorted(wanted))
    return [unit for unit in drawn if unit is not None]
