"""The files that a version opens while it is loaded, or looks for in vain."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def opened_files() -> Iterator[set[str]]:
    """The paths of the files that this process opens meanwhile, also of those that aren't there."""
    paths: set[str] = set()
    # Python has no way to take a hook back.
    listening = [True]

    def hear(event: str, details: tuple[object, ...]) -> None:
        """Note the path of a file that is opened."""
        if listening and event == "open" and isinstance(details[0], str | bytes):
            paths.add(os.path.abspath(os.fsdecode(details[0])))  # noqa: PTH100

    sys.addaudithook(hear)
    try:
        yield paths
    finally:
        listening.clear()
