"""The machine's anchors in a run: known by the names of their ops, and never ranked.

Each run times them first, so that runs of different days have a measure in common. Runs imported
from other tools have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opbench.results.records.outcome import Measured, Record
from opbench.results.statistics.intervals import median

MEMORY = "anchor_memory"
ARITHMETIC = "anchor_arithmetic"
DISPATCH = "anchor_dispatch"
#: The ops of the anchors.
ANCHORS = (MEMORY, ARITHMETIC, DISPATCH)
#: More bytes than the caches next to a core hold; operations that take longer than a few calls, and
#: so many of them per byte that they take longer than the bytes.
_LARGE, _HEAVY, _INTENSE = 1 << 22, 1_000_000, 10


def is_anchor(record: Record) -> bool:
    """Whether it tells of the machine, and not of a contender."""
    return record.case.op in ANCHORS


def without_anchors(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records of the contenders."""
    return tuple(record for record in records if not is_anchor(record))


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The anchors in a run, on one device with so many threads: what was measured of each."""

    memory: Measured
    arithmetic: Measured
    dispatch: Measured

    def time_s(self, anchor: str) -> float:
        """Seconds per call of an anchor, by its name: the median."""
        known = {MEMORY: self.memory, ARITHMETIC: self.arithmetic, DISPATCH: self.dispatch}
        return median(known[anchor].samples_s)


def nearest(work: Measured) -> str:
    """The anchor that is nearest in kind to what a call has to do.

    Told from the compulsory work and not from times, so that it is the same in every run. One
    anchor and not a mean of all: it has no part in what slows down another kind of op.
    """
    if work.flops >= _HEAVY and work.flops >= _INTENSE * work.bytes:
        return ARITHMETIC
    return MEMORY if work.bytes >= _LARGE else DISPATCH


def yardsticks(records: Iterable[Record]) -> Mapping[tuple[str, int], Yardstick]:
    """By device and threads, where all three anchors were timed."""
    timed: dict[tuple[str, int], dict[str, Measured]] = {}
    for record in records:
        if is_anchor(record) and isinstance(record.outcome, Measured):
            setting = (record.case.device, record.case.threads)
            timed.setdefault(setting, {})[record.case.op] = record.outcome
    return {
        setting: Yardstick(*(found[name] for name in ANCHORS))
        for setting, found in timed.items()
        if found.keys() == set(ANCHORS)
    }
