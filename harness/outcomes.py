"""The one place that survives what foreign code raises, and says whose fault it is.

What a contender raises becomes its outcome; what an op's own functions raise is told of the op.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opbench.harness.declaration.origins import place_of
from opbench.harness.system.toolchain import lacking
from opbench.results.errors import OpbenchError, OpFaultError, UnsupportedError, one_line
from opbench.results.records import Case, Failed, Stage, Unsupported

T = TypeVar("T")


def catch(stage: Stage, function: Callable[[], T]) -> T | Unsupported | Failed:
    """What `function` returns, or the outcome that stands for what it raised.

    A contender says itself that it doesn't run here by raising UnsupportedError; for want of a
    compiler it doesn't either. Raises OpFaultError, which is no contender's.
    """
    try:
        return function()
    except OpFaultError:
        raise
    except UnsupportedError as error:
        return Unsupported(str(error))
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        reason = lacking(error)
        if reason is not None:
            return Unsupported(reason)
        told = traceback.format_exc()
        if _is_memory(error):
            return Failed(stage, f"ran out of memory: {one_line(error)}", told, "memory")
        return Failed(stage, one_line(error), told)


@contextmanager
def charged_to(op: str, what: str, function: Callable[..., Any]) -> Iterator[None]:
    """Whatever is raised meanwhile is the fault of an op's own function.

    what: which of its functions it is, by the field. Raises OpFaultError in its place, but lets
    through that memory ran out: that is for want of a larger machine.
    """
    try:
        yield
    except OpbenchError:
        raise
    except (Exception, SystemExit) as error:
        if _is_memory(error):
            raise
        raise op_fault(op, what, function, f"raised {one_line(error)}", error=error) from error


def op_fault(
    op: str,
    what: str,
    function: Callable[..., Any],
    why: str,
    *,
    error: BaseException | None = None,
) -> OpFaultError:
    """The error that tells what is wrong with one of an op's functions, and where it is.

    error: that it raised: the line is the one that this came from.
    """
    place = place_of(function, error)
    return OpFaultError(f"op {op}{place and f' ({place})'}: {what}", why)


@dataclass(slots=True)
class OpFaults:
    """The faults of ops that come up in a number of cases, each told once."""

    _found: dict[str, list[tuple[str, Case]]] = field(default_factory=dict)

    @contextmanager
    def collect(self, case: Case) -> Iterator[None]:
        """Go on after a fault of the case's op."""
        try:
            yield
        except OpFaultError as error:
            self._found.setdefault(error.where, []).append((error.why, case))

    @property
    def texts(self) -> tuple[str, ...]:
        """A line for each of them, with the first of its cases."""
        return tuple(
            f"{where} {found[0][0]} (on {found[0][1].label}: {found[0][1].sizes}"
            f"{f', and on {len(found) - 1} more' if len(found) > 1 else ''})"
            for where, found in self._found.items()
        )


def _is_memory(error: BaseException) -> bool:
    """Whether memory ran out; torch's CPU allocator raises a plain RuntimeError for it."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "DefaultCPUAllocator" in str(error)
