"""The one place that survives a contender's exceptions and turns them into outcomes."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from typing import TypeVar

from results.errors import UnsupportedError
from results.record import Failed, Unsupported

T = TypeVar("T")


def attempt(stage: str, function: Callable[[], T]) -> T | Unsupported | Failed:
    """What `function` returns, or the outcome that stands for what it raised.

    A contender says itself that it doesn't run here by raising UnsupportedError.
    """
    try:
        return function()
    except UnsupportedError as error:
        return Unsupported(str(error))
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        told = traceback.format_exc()
        if _is_memory(error):
            return Failed(stage, f"ran out of memory: {one_line(error)}", told, "memory")
        return Failed(stage, one_line(error), told)


def _is_memory(error: Exception) -> bool:
    """Whether memory ran out; torch's CPU allocator raises a plain RuntimeError for it."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "DefaultCPUAllocator" in str(error)


def one_line(error: BaseException) -> str:
    """An exception's type and what it says, in a line of at most 300 characters.

    That is the first line of its text, and the second where the first only leads up to it.
    """
    lines: list[str] = []
    # An exception of others need not be well made.
    with contextlib.suppress(Exception):
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return f"{type(error).__name__}: {text[:300] or 'no message'}"
