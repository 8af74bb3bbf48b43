"""A gate's sessions, simulated with units that were recorded once: how often it errs.

A recording holds many fresh processes in which nothing differed, and many in which every head was
slowed down by a known share: replicates. A simulated session samples its processes from them, each
once, and asks the very functions by which a real one is decided. Sessions of one recording share
processes, so that more sessions make no recording larger than it was.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from opbench.results.errors import RunFolderError
from opbench.results.records import GateRules, Method, Paired, Role, Unit
from opbench.results.regression import verdicts
from opbench.results.regression.verdicts import Finding, Subject
from opbench.results.statistics.interval import Interval
from opbench.results.statistics.intervals import median

#: The outcome of a session, as its exit code says it.
SessionOutcome = Literal["void", "failed", "inconclusive", "passed"]


@dataclass(frozen=True, slots=True)
class Replicate:
    """A recorded unit, round by round."""

    #: Its times are one round, of the ratio that all of them came to.
    unit: Unit
    #: Of head to base, in each round in order.
    log_ratios: tuple[float, ...]

    def after(self, seconds: float) -> Unit:
        """The unit as it would have been after so many seconds, of those that were recorded.

        A session gives less time to a process than a recording did: the first rounds stand for it.
        """
        rounds = max(1, round(len(self.log_ratios) * min(1.0, seconds / verdicts.SUSPECT_S)))
        return replace(self.unit, times=_one_round(self.log_ratios[:rounds]))


#: The units of one process, by contender and case.
Process = Mapping[Subject, Replicate]


@dataclass(frozen=True, slots=True)
class Replicates:
    """The processes of a recording."""

    #: By method, role and the slowdown that was injected into every head.
    processes: Mapping[tuple[Method, Role, float], tuple[Process, ...]]

    @property
    def slowdowns(self) -> tuple[float, ...]:
        """The injected slowdowns by size, as shares, without 0."""
        return tuple(sorted({slowdown for *_, slowdown in self.processes if slowdown}))

    def of(self, method: Method, role: Role, slowdown: float = 0.0) -> tuple[Process, ...]:
        """The processes of a kind. Raises RunFolderError where none was recorded."""
        processes = self.processes.get((method, role, slowdown), ())
        if not processes:
            kind = f"{method} were recorded with {slowdown:.0%} injected"
            raise RunFolderError(f"no {kind}: record more")
        return processes

    def subjects(self, slowdown: float = 0.0) -> tuple[Subject, ...]:
        """All that was recorded both as twins and as pairs, with so much injected."""
        twins = self.of("twins", "screen", slowdown)
        pairs = {subject for process in self.of("pairs", "verify", slowdown) for subject in process}
        return tuple(dict.fromkeys(s for process in twins for s in process if s in pairs))


@dataclass(frozen=True, slots=True)
class Session:
    """The result of a simulated session.

    Decided by the functions of `verdicts`, as a real one.
    """

    findings: tuple[Finding, ...]
    is_void: bool
    #: How many it took, fresh pairs included.
    processes: int

    @property
    def failures(self) -> tuple[Subject, ...]:
        """The contenders that it fails for."""
        slower = (f for f in self.findings if f.verdict == "slower" and not self.is_void)
        return tuple((f.case.key, f.contender) for f in slower)

    @property
    def outcome(self) -> SessionOutcome:
        """The outcome that its exit code would say."""
        if self.is_void:
            return "void"
        if self.failures:
            return "failed"
        undecided = any(f.verdict == "inconclusive" for f in self.findings)
        return "inconclusive" if undecided else "passed"


def replicates_of(units: Iterable[Unit]) -> Replicates:
    """The replicates of a recording's units.

    A unit's times become log-ratios of its rounds: only these are needed, and half as large.
    """
    kinds: dict[tuple[Method, Role, float], dict[int, dict[Subject, Replicate]]] = {}
    for unit in units:
        ratios = np.log(np.asarray(unit.times.head_s) / np.asarray(unit.times.base_s))
        log_ratios = tuple(ratios.tolist())
        replicate = Replicate(replace(unit, times=_one_round(log_ratios)), log_ratios)
        numbered = kinds.setdefault((unit.method, unit.role, unit.injected), {})
        numbered.setdefault(unit.number, {})[unit.case.key, unit.contender] = replicate
    return Replicates({kind: tuple(numbered.values()) for kind, numbered in kinds.items()})


def simulate(
    replicates: Replicates, rules: GateRules, rng: random.Random, slowed: Mapping[Subject, float]
) -> Session:
    """A session of all that was recorded, with these subjects slowed down by so much.

    Where the processes are used up, what is undecided then stays so. Raises RunFolderError where
    none of a needed kind was recorded.
    """
    sample = _Sample(replicates, rng, slowed)
    _screen(sample, rules, frozenset(replicates.subjects()))
    _confirm(sample, rules)
    controls = verdicts.control_findings(sample.units, rules)
    return Session(
        verdicts.findings(sample.units, rules), verdicts.is_void(controls), sample.processes
    )


def simulate_unchanged(
    replicates: Replicates, rules: GateRules, *, sessions: int, seed: int = 0
) -> Counter[str]:
    """The outcomes of so many sessions in which nothing differs: none should be "failed".

    Counts by outcome: "void", "failed", "inconclusive" or "passed". The same seed gives the same
    sessions.
    """
    one = partial(simulate, replicates, rules, slowed={})
    return Counter(one(rng=random.Random(f"{seed}/{n}")).outcome for n in range(sessions))


def simulate_slowed(
    replicates: Replicates, rules: GateRules, slowdown: float, *, sessions: int, seed: int = 0
) -> Counter[str]:
    """The outcomes of so many sessions in which one contender, each in turn, is slower by a share.

    "found" where that contender fails, whatever else does; "failed" where only others do.
    """
    counts: Counter[str] = Counter()
    subjects = replicates.subjects(slowdown)
    for number in range(sessions):
        target = subjects[number % len(subjects)]
        rng = random.Random(f"{seed}/{slowdown}/{number}")
        session = simulate(replicates, rules, rng, {target: slowdown})
        counts["found" if target in session.failures else session.outcome] += 1
    return counts


def spread(replicates: Replicates, method: Method) -> dict[Subject, float]:
    """The standard deviation between units of each subject where nothing differed, as a share.

    Raises RunFolderError where no units of the method were recorded.
    """
    logs = _logs(replicates.of(method, "screen" if method == "twins" else "verify"))
    return {s: float(np.std(values, ddof=1)) for s, values in logs.items() if len(values) > 1}


def measured_slowdown(replicates: Replicates, slowdown: float) -> dict[Subject, float]:
    """An injected slowdown as it was measured, as twins: the median over each one's processes."""
    logs = _logs(replicates.of("twins", "screen", slowdown))
    return {subject: math.exp(median(values)) - 1 for subject, values in logs.items()}


def rate(count: int, trials: int, *, error: float = 0.05) -> Interval:
    """A share of trials with its interval by Clopper and Pearson, which misses as often as that."""
    from scipy import special

    low = float(special.betaincinv(count, trials - count + 1, error / 2)) if count else 0.0
    rest = trials - count
    high = float(special.betaincinv(count + 1, rest, 1 - error / 2)) if rest else 1.0
    return Interval(count / trials, low, high)


def _one_round(log_ratios: Sequence[float]) -> Paired:
    """A round whose ratio is the median of several."""
    return Paired((1.0,), (math.exp(median(log_ratios)),))


def _logs(processes: Iterable[Process]) -> dict[Subject, list[float]]:
    """The log-ratio of each subject, process by process."""
    logs: dict[Subject, list[float]] = {}
    for process in processes:
        for subject, replicate in process.items():
            logs.setdefault(subject, []).append(median(replicate.log_ratios))
    return logs


class _Sample:
    """The processes of a session, in an order drawn for it, and the units taken from them so far.

    No process is drawn twice.
    """

    def __init__(
        self, replicates: Replicates, rng: random.Random, slowed: Mapping[Subject, float]
    ) -> None:
        def shuffled(method: Method, role: Role, slowdown: float = 0.0) -> list[Process]:
            processes = replicates.of(method, role, slowdown)
            return rng.sample(processes, len(processes))

        slowdowns = sorted({0.0, *slowed.values()})
        self._slowed = slowed
        self._twins = {s: shuffled("twins", "screen", s) for s in slowdowns}
        self._pairs = {s: shuffled("pairs", "verify", s) for s in slowdowns}
        self._null = shuffled("twins", "null")
        # Nothing differs there either: it stands for the base against itself.
        self._beside = shuffled("twins", "screen")
        self.units: list[Unit] = []
        self.processes = 0

    def draw_twins(self, subjects: Iterable[Subject], seconds: float, role: Role) -> bool:
        """Draw one more process for units of that role; whether there was one."""
        if self.processes >= min(map(len, self._twins.values())):
            return False
        self._draw(self._twins, self.processes, subjects, seconds, role)
        self.processes += 1
        return True

    def draw_pair(self, number: int, subjects: Iterable[Subject]) -> None:
        """Draw the fresh pair of that number, where there are so many."""
        if number < min(map(len, self._pairs.values())):
            self._draw(self._pairs, number, subjects, verdicts.SUSPECT_S, "verify")
            self.processes += 1

    def draw_null(self, number: int, seconds: float) -> None:
        """Draw an A/A control that goes with screening."""
        process = self._null[number % len(self._null)]
        self.units += (replicate.after(seconds) for replicate in process.values())

    def draw_beside(self, number: int, subjects: Iterable[Subject], seconds: float) -> None:
        """Draw an A/A control that goes with confirming these subjects."""
        process = self._beside[number % len(self._beside)]
        drawn = (process[subject] for subject in sorted(subjects) if subject in process)
        self.units += (replace(r.after(seconds), role="beside") for r in drawn)

    def _draw(
        self,
        processes: Mapping[float, Sequence[Process]],
        number: int,
        subjects: Iterable[Subject],
        seconds: float,
        role: Role,
    ) -> None:
        """Take each subject's unit from the process with the slowdown that it has."""
        for subject in sorted(subjects):
            replicate = processes[self._slowed.get(subject, 0.0)][number].get(subject)
            if replicate is not None:
                self.units.append(replace(replicate.after(seconds), role=role))


def _screen(sample: _Sample, rules: GateRules, subjects: frozenset[Subject]) -> None:
    """Screen all subjects until each is decided or the processes are used up."""
    for turn in verdicts.screening_turns(sample.units, rules):
        left = subjects - turn.decided
        if not left or not sample.draw_twins(left, turn.seconds, "screen"):
            return
        sample.draw_null(turn.number, turn.seconds)


def _confirm(sample: _Sample, rules: GateRules) -> None:
    """Confirm the suspects as twins, and verify those in fresh pairs."""
    suspects = verdicts.suspects(sample.units, rules)
    for turn in verdicts.confirming_turns(sample.units, rules):
        left = suspects - turn.decided
        if not left or not sample.draw_twins(left, turn.seconds, "confirm"):
            break
        sample.draw_beside(turn.number, left, turn.seconds)
    confirmed = verdicts.confirmed_twins(sample.units, rules)
    for number in range(verdicts.PAIRS if confirmed else 0):
        sample.draw_pair(number, confirmed)
