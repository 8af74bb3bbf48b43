"""Standard output and standard error: characters that they lack, and logged warnings."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from opbench import results


def escape_what_cannot_be_shown() -> None:
    """From now on, print characters that an output's encoding lacks as escapes: "\\u03bc"."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def warnings_shown(verb: str) -> Iterator[None]:
    """Print the warnings that reading runs logs on standard error, each of them once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"opbench {verb}: warning: %(message)s"))
    shown: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        """Whether a warning of that text wasn't shown yet."""
        text = record.getMessage()
        if text in shown:
            return False
        shown.add(text)
        return True

    handler.addFilter(is_new)
    logger = logging.getLogger(results.__name__)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
