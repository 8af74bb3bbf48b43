"""The one place that survives a contender's exceptions and turns them into outcomes."""

from __future__ import annotations

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
            return Failed(stage, f"ran out of memory: {_one_line(error)}", told, "memory")
        return Failed(stage, _one_line(error), told)


def _is_memory(error: Exception) -> bool:
    """Whether memory ran out; torch's CPU allocator raises a plain RuntimeError for it."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "DefaultCPUAllocator" in str(error)


def _one_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:300] if text else 'no message'}"
