"""The machine's anchors in a run: known by the names of their ops, and never ranked.

Each run times them first, so that runs of different days have a reference in common. Runs imported
from other tools have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opbench.results.records.outcome import Measured, Record
from opbench.results.statistics.intervals import median

#: Bound by memory, by arithmetic, and by the dispatch of a call.
MEMORY = "anchor_memory"
ARITHMETIC = "anchor_arithmetic"
DISPATCH = "anchor_dispatch"
#: The ops of the anchors.
ANCHORS = (MEMORY, ARITHMETIC, DISPATCH)
#: More bytes than the caches next to a core hold; operations that take longer than a few calls, and
#: so many of them per byte that they take longer than the bytes.
_LARGE, _HEAVY, _INTENSE = 1 << 22, 1_000_000, 10


def is_anchor(record: Record) -> bool:
    """Whether a record is of an anchor, and not of a contender."""
    return record.case.op in ANCHORS


def without_anchors(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records of the contenders."""
    return tuple(record for record in records if not is_anchor(record))


@dataclass(frozen=True, slots=True)
class AnchorTimes:
    """The anchors as a run measured them, on one device with a number of threads."""

    memory: Measured
    arithmetic: Measured
    dispatch: Measured

    def time_s(self, anchor: str) -> float:
        """Seconds per call of an anchor, by its name: the median."""
        measured = {MEMORY: self.memory, ARITHMETIC: self.arithmetic, DISPATCH: self.dispatch}
        return median(measured[anchor].samples_s)


def nearest_anchor(work: Measured) -> str:
    """The anchor that is nearest in kind to the work of a call.

    By the compulsory work and not by times, so that it is the same in every run. One anchor and not
    a mean of all: it has no part in what slows down another kind of op.
    """
    if work.flops >= _HEAVY and work.flops >= _INTENSE * work.bytes:
        return ARITHMETIC
    return MEMORY if work.bytes >= _LARGE else DISPATCH


def anchor_times(records: Iterable[Record]) -> Mapping[tuple[str, int], AnchorTimes]:
    """The anchors by device and threads, where all three were timed.

    A run that was interrupted may lack some: ratios to them would then be of unlike kinds.
    """
    timed: dict[tuple[str, int], dict[str, Measured]] = {}
    for record in records:
        if is_anchor(record) and isinstance(record.outcome, Measured):
            setting = (record.case.device, record.case.threads)
            timed.setdefault(setting, {})[record.case.op] = record.outcome
    return {
        setting: AnchorTimes(*(by_name[name] for name in ANCHORS))
        for setting, by_name in timed.items()
        if by_name.keys() == set(ANCHORS)
    }
