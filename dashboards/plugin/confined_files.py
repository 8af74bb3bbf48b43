"""Files of a log directory, opened only where they are what they seem.

A run may come from anybody: a link may lead out of the log directory, a pipe never ends, and a file
may be larger than memory.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from opbench.results.errors import RunFolderError


def open_confined(path: Path, root: Path) -> BinaryIO:
    """A regular file that lies below `root`, whose path has no links, opened for reading.

    Raises FileNotFoundError where there is none, RunFolderError where it lies elsewhere or can't be
    read.
    """
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(root):
        raise RunFolderError(f"{path.name} is a link out of the log directory: it is not followed")
    try:
        # A pipe would wait for its writer; a link may have come since.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunFolderError(f"{path.name} cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RunFolderError(f"{path.name} cannot be read: it is no file")
    return os.fdopen(descriptor, "rb")


def read_confined(path: Path, root: Path, *, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes; as `open_confined`."""
    with open_confined(path, root) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise RunFolderError(f"{path.name} is larger than {limit / 1e6:.0f} MB: it is not read")
    return content
