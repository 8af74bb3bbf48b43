"""What other programs' rules would say of the processes that `benchmarks.gate` recorded."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

from opbench.results.records import Paired, Unit
from opbench.results.regression import verdicts
from opbench.results.statistics.intervals import median

#: Blocks of two processes of one side.
Blocks = Sequence[Sequence[float]]
Rule = Callable[[Blocks, Blocks], bool]


def by_medians(base: Blocks, head: Blocks, *, bound: float) -> bool:
    """pytest-benchmark's `--benchmark-compare-fail=median:...`, of one process each."""
    return median(head[0]) > (1 + bound) * median(base[0])


def by_minima(base: Blocks, head: Blocks, *, bound: float) -> bool:
    """pytest-benchmark's `--benchmark-compare-fail=min:...`, of one process each."""
    return min(head[0]) > (1 + bound) * min(base[0])


def by_ranks(base: Blocks, head: Blocks, *, ratio: float) -> bool:
    """asv's: medians further apart than a ratio, and a Mann-Whitney test below its 0.002.

    Of two processes each, as asv has by default.
    """
    before, after = (np.concatenate([np.asarray(part) for part in side]) for side in (base, head))
    if median(after) <= ratio * median(before):
        return False
    return bool(stats.mannwhitneyu(before, after).pvalue < 0.002)


RULES_OF_OTHERS: Mapping[str, Rule] = {
    "pytest-benchmark, median:5%": lambda base, head: by_medians(base, head, bound=0.05),
    "pytest-benchmark, median:10%": lambda base, head: by_medians(base, head, bound=0.10),
    "pytest-benchmark, min:5%": lambda base, head: by_minima(base, head, bound=0.05),
    "pytest-benchmark, min:10%": lambda base, head: by_minima(base, head, bound=0.10),
    "asv, Mann-Whitney at a ratio of 1.1": lambda base, head: by_ranks(base, head, ratio=1.1),
}
#: The twins of each process, by what was injected.
TwinTimes = Mapping[float, Sequence[Mapping[verdicts.Subject, Paired]]]


def twin_times(units: Sequence[Unit]) -> TwinTimes:
    times: dict[float, dict[int, dict[verdicts.Subject, Paired]]] = {}
    for unit in units:
        if (unit.method, unit.role) == ("twins", "screen"):
            process = times.setdefault(unit.injected, {}).setdefault(unit.number, {})
            process[unit.case.key, unit.contender] = unit.times
    return {share: tuple(processes.values()) for share, processes in times.items()}


def rates(
    blocks: TwinTimes, rule: Rule, *, slowdown: float, sessions: int, slowed: int
) -> tuple[int, int]:
    """In how many sessions a rule fails a suite that didn't change, and finds what was injected.

    Either version is run in processes of its own, as these programs do.
    """
    rng, alike = random.Random(0), blocks[0.0]
    subjects = list(alike[0])
    alarms = hits = 0
    for _ in range(sessions):
        one, two, three, four = rng.sample(alike, 4)
        alarms += any(_fires(rule, subject, (one, two), (three, four)) for subject in subjects)
    for number in range(slowed):
        target = subjects[number % len(subjects)]
        base, head = rng.sample(alike, 2), rng.sample(blocks[slowdown], 2)
        hits += _fires(rule, target, base, head)
    return alarms, hits


def _fires(
    rule: Rule,
    subject: verdicts.Subject,
    base: Sequence[Mapping[verdicts.Subject, Paired]],
    head: Sequence[Mapping[verdicts.Subject, Paired]],
) -> bool:
    before = [process[subject].base_s for process in base if subject in process]
    after = [process[subject].head_s for process in head if subject in process]
    return bool(before and after) and rule(before, after)
