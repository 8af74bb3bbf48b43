"""A status page in memory that two processes share: what the worker is doing, and since when.

Writing it takes less than a microsecond and wakes no process: it can be done before every block
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
#: The number that stands for no contender: the harness itself is at work, or waits.
IDLE = -1


@dataclass(frozen=True, slots=True)
class Status:
    """What the worker is doing."""

    #: The number of the contender in the job, or IDLE.
    contender: int
    #: The stage that the contender is in.
    stage: Stage
    #: When it began, in seconds of the system's monotonic clock.
    since: float
    #: How many bytes had been printed by then.
    log: int


class StatusPage:
    """The status page in the file of descriptor `fd`, of SIZE bytes."""

    def __init__(self, fd: int) -> None:
        """Map the file. fd: of a file of at least SIZE bytes."""
        self._memory = mmap.mmap(fd, SIZE)

    def write(self, contender: int, stage: Stage, *, log: int) -> None:
        """Replace the status by one that begins now."""
        now = time.monotonic()
        _FORMAT.pack_into(self._memory, 0, contender, STAGES.index(stage), now, log)

    def read(self) -> Status:
        """The current status."""
        contender, stage, since, log = _FORMAT.unpack_from(self._memory)
        return Status(contender, STAGES[stage], since, log)

    def close(self) -> None:
        """Unmap the memory."""
        self._memory.close()
