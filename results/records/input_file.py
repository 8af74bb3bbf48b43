"""Files that people name to be read: also pipes, never what doesn't end."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_input(path: Path) -> bytes:
    """The content of a file, or what is written into a pipe; nothing of a pipe without a writer.

    Raises OSError where there is none, or it is a device: one like /dev/zero has no end.
    """
    # Opening a pipe would wait for a writer, who may never come.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise OSError(None, "it is a device")
        os.set_blocking(descriptor, True)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)
