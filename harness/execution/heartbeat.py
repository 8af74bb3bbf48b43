"""A notice board in memory that two processes share: what the worker is doing, and since when.

Writing it takes less than a microsecond and wakes nobody, so that it can be done before every block
of a race. It outlives the process that writes it, however that ends.
"""

from __future__ import annotations

import mmap
import struct
import time
from dataclasses import dataclass

from opbench.results.records import Stage

STAGES: tuple[Stage, ...] = (
    *("start", "inputs", "prepare", "race", "profile", "check", "idle"),
    *("base", "head", "again"),
)
_FORMAT = struct.Struct("<iidq")
SIZE = _FORMAT.size
#: Stands for the harness itself where a contender's number is expected.
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Notice:
    """contender: its number in the job, or NOBODY. since: of the system's monotonic clock, in
    seconds. log: how many bytes had been printed when it began.
    """

    contender: int
    stage: Stage
    since: float
    log: int


class Board:
    """The notice board in the file of descriptor `fd`, of SIZE bytes."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, SIZE)

    def write(self, contender: int, stage: str, *, log: int) -> None:
        """Put up a new notice, from now on."""
        now = time.monotonic()
        _FORMAT.pack_into(self._memory, 0, contender, STAGES.index(stage), now, log)

    def read(self) -> Notice:
        """The notice that is up."""
        contender, stage, since, log = _FORMAT.unpack_from(self._memory)
        return Notice(contender, STAGES[stage], since, log)

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
