"""A file of lines that another process may be writing, read as far as it has grown."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from opbench.dashboards.plugin.confined_files import open_confined
from opbench.results.errors import RunFolderError

#: Bytes before the place that was read to, by which a file is known again.
_MARK = 64


@dataclass(frozen=True, slots=True)
class Batch:
    """The lines that a read found."""

    #: Whole ones, without their line breaks.
    lines: tuple[bytes, ...]
    #: Whether the file is another one than before: what was read earlier is void.
    anew: bool
    #: Bytes after the last line break: a line that is being written, or was cut off.
    rest: int


@dataclass(slots=True)
class GrowingFile:
    """Where a file was read to."""

    path: Path
    #: The folder that it may not lead out of.
    root: Path
    #: The largest size that is read.
    limit: int
    #: To where it was read.
    offset: int = field(default=0, init=False)
    _inode: int = field(default=0, init=False)
    _mark: bytes = field(default=b"", init=False)

    def read(self) -> Batch:
        """The lines that were added since the last read; all, where it is another file by now.

        Raises FileNotFoundError and RunFolderError as `open_confined`, and the latter where the
        file is too large.
        """
        with open_confined(self.path, self.root) as file:
            status = os.fstat(file.fileno())
            if status.st_size > self.limit:
                size, limit = status.st_size / 1e6, self.limit / 1e6
                name = self.path.name
                raise RunFolderError(
                    f"{name} has {size:.0f} MB, more than the {limit:.0f} MB that are read"
                )
            anew = not self._is_known(file, status)
            if anew:
                self.offset, self._inode, self._mark = 0, status.st_ino, b""
            return self._next_lines(file, anew=anew)

    def _is_known(self, file: BinaryIO, status: os.stat_result) -> bool:
        """Whether it is the file that was read, with more at its end at most."""
        if status.st_ino != self._inode or status.st_size < self.offset:
            return False
        return os.pread(file.fileno(), len(self._mark), self.offset - len(self._mark)) == self._mark

    def _next_lines(self, file: BinaryIO, *, anew: bool) -> Batch:
        """What stands behind the place that was read to."""
        file.seek(self.offset)
        text = file.read(self.limit)
        end = text.rfind(b"\n") + 1
        self.offset += end
        self._mark = (self._mark + text[:end])[-_MARK:]
        lines = tuple(line for line in text[:end].split(b"\n") if line.strip())
        return Batch(lines, anew=anew, rest=len(text) - end)
