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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from opbench.results.errors import RunFolderError
from opbench.results.records import GateRules, Paired, Unit
from opbench.results.regression import verdicts
from opbench.results.regression.verdicts import Finding
from opbench.results.statistics.intervals import Interval, median

#: A contender on a case: the key of the case, and its name.
Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A unit that was recorded: all but its times, and the log-ratios of its rounds in order."""

    unit: Unit
    logs: tuple[float, ...]

    def after(self, seconds: float) -> Unit:
        """The unit as it would have been after so many seconds, of those that were recorded."""
        rounds = max(1, round(len(self.logs) * min(1.0, seconds / verdicts.FLAGGED_S)))
        ratio = math.exp(median(self.logs[:rounds]))
        return replace(self.unit, times=Paired((1.0,), (ratio,)))


#: The units of one process, by what they are of.
Process = Mapping[Subject, Recorded]


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
        pairs = {subject for process in self.of("pairs", "verify", share) for subject in process}
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
    """The pool of a recording's units."""
    found: dict[tuple[str, str, float], dict[int, dict[Subject, Recorded]]] = {}
    for unit in units:
        logs = np.log(np.asarray(unit.times.head_s) / np.asarray(unit.times.base_s))
        recorded = Recorded(replace(unit, times=Paired((), ())), tuple(logs.tolist()))
        numbered = found.setdefault((unit.method, unit.role, unit.injected), {})
        numbered.setdefault(unit.number, {})[unit.case.key, unit.contender] = recorded
    return Pool({kind: tuple(numbered.values()) for kind, numbered in found.items()})


def session(
    pool: Pool, rules: GateRules, rng: random.Random, slowed: Mapping[Subject, float]
) -> Session:
    """A session of everything in the pool, with these subjects slowed down by so much.

    Where the processes of the pool are used up, what is undecided then stays so. Raises
    RunFolderError where the pool has none of a kind that is needed.
    """
    dealt = _Dealt(pool, rng, slowed)
    _screen(dealt, rules, frozenset(pool.subjects()))
    _confirm(dealt, rules)
    found, null = verdicts.findings(dealt.units, rules), verdicts.nulls(dealt.units, rules)
    return Session(found, verdicts.is_void(null), dealt.processes)


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
    seen = _logs(pool.of(method, "screen" if method == "twins" else "verify"))
    return {s: float(np.std(values, ddof=1)) for s, values in seen.items() if len(values) > 1}


def injected(pool: Pool, share: float) -> dict[Subject, float]:
    """What an injected share was measured to be, as twins: the median over each one's processes."""
    seen = _logs(pool.of("twins", "screen", share))
    return {subject: math.exp(median(logs)) - 1 for subject, logs in seen.items()}


def _logs(processes: Iterable[Process]) -> dict[Subject, list[float]]:
    """What each subject's ratio was in each process, as a logarithm."""
    seen: dict[Subject, list[float]] = {}
    for process in processes:
        for subject, recorded in process.items():
            seen.setdefault(subject, []).append(median(recorded.logs))
    return seen


def rate(count: int, trials: int, *, error: float = 0.05) -> Interval:
    """A share of trials with its interval by Clopper and Pearson, which misses as often as that."""
    from scipy import special

    low = float(special.betaincinv(count, trials - count + 1, error / 2)) if count else 0.0
    rest = trials - count
    high = float(special.betaincinv(count + 1, rest, 1 - error / 2)) if rest else 1.0
    return Interval(count / trials, low, high)


class _Dealt:
    """The processes of a pool, shuffled for one session, and the units that it has drawn so far."""

    def __init__(self, pool: Pool, rng: random.Random, slowed: Mapping[Subject, float]) -> None:
        def shuffled(method: str, role: str, share: float = 0.0) -> list[Process]:
            processes = pool.of(method, role, share)
            return rng.sample(processes, len(processes))

        shares = sorted({0.0, *slowed.values()})
        self._slowed = slowed
        self._twins = {share: shuffled("twins", "screen", share) for share in shares}
        self._pairs = {share: shuffled("pairs", "verify", share) for share in shares}
        self._null = shuffled("twins", "null")
        # Nothing differs there either: it stands for the base against itself.
        self._again = shuffled("twins", "screen")
        self.units: list[Unit] = []
        self.processes = 0

    def twins(self, wanted: Iterable[Subject], seconds: float, role: str) -> bool:
        """Draw one more process, none twice; whether there was one."""
        if self.processes >= min(map(len, self._twins.values())):
            return False
        self._draw(self._twins, self.processes, wanted, seconds, role)
        self.processes += 1
        return True

    def pair(self, number: int, wanted: Iterable[Subject]) -> None:
        """Draw the fresh pair of that number, where there are so many."""
        if number < min(map(len, self._pairs.values())):
            self._draw(self._pairs, number, wanted, verdicts.FLAGGED_S, "verify")
            self.processes += 1

    def null(self, number: int, seconds: float) -> None:
        """Draw what the base against itself came to."""
        process = self._null[number % len(self._null)]
        self.units += (recorded.after(seconds) for recorded in process.values())

    def beside(self, number: int, wanted: Iterable[Subject], seconds: float) -> None:
        """Draw the base against itself for those who are confirmed."""
        drawn = (self._again[number % len(self._again)].get(subject) for subject in sorted(wanted))
        units = (recorded.after(seconds) for recorded in drawn if recorded is not None)
        self.units += (replace(unit, role="beside") for unit in units)

    def _draw(
        self,
        processes: Mapping[float, Sequence[Process]],
        number: int,
        wanted: Iterable[Subject],
        seconds: float,
        role: str,
    ) -> None:
        """Each subject's unit from the processes with what is injected into it."""
        for subject in sorted(wanted):
            recorded = processes[self._slowed.get(subject, 0.0)][number].get(subject)
            if recorded is not None:
                self.units.append(replace(recorded.after(seconds), role=role))


def _screen(dealt: _Dealt, rules: GateRules, subjects: frozenset[Subject]) -> None:
    for turn in verdicts.screening(dealt.units, rules):
        wanted = subjects - turn.decided
        if not wanted or not dealt.twins(wanted, turn.seconds, "screen"):
            return
        dealt.null(turn.number, turn.seconds)


def _confirm(dealt: _Dealt, rules: GateRules) -> None:
    """Confirm the flagged as twins, and show them to fresh pairs."""
    flagged = verdicts.flagged(dealt.units, rules)
    for turn in verdicts.confirming(dealt.units, rules):
        wanted = flagged - turn.decided
        if not wanted or not dealt.twins(wanted, turn.seconds, "confirm"):
            break
        dealt.beside(turn.number, wanted, turn.seconds)
    accused = verdicts.accused(dealt.units, rules)
    for number in range(verdicts.PAIRS if accused else 0):
        dealt.pair(number, accused)
