"""The one place that catches what foreign code raises.

What a contender raises becomes its outcome; what an op's own functions raise is reported as a fault
of the op.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opbench.harness.declaration.origins import place_of
from opbench.harness.system.toolchain import missing_toolchain
from opbench.results.errors import OpbenchError, OpFaultError, UnsupportedError, one_line
from opbench.results.records import Case, Failed, Stage, Unsupported

T = TypeVar("T")

#: The beginning of our notes: libraries add notes of their own.
_NOTE = "opbench: "


def catch(stage: Stage, function: Callable[[], T]) -> T | Unsupported | Failed:
    """Call `function`; return its result, or the outcome that stands for what it raised.

    Unsupported stands for UnsupportedError, by which a contender says itself that it doesn't run
    here, and for a missing compiler; Failed for all else. An OpFaultError passes: it is the op's.
    stage: of the outcome.
    """
    try:
        return function()
    # An op's own fault is no contender's.
    except OpFaultError:
        raise
    except UnsupportedError as error:
        return Unsupported(str(error))
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        reason = missing_toolchain(error)
        if reason is not None:
            return Unsupported(reason)
        trace = traceback.format_exc()
        if _is_memory(error):
            return Failed(stage, f"ran out of memory: {one_line(error)}", trace, "memory")
        return Failed(stage, _reason(error), trace)


@contextmanager
def charged_to(op: str, what: str, function: Callable[..., Any]) -> Iterator[None]:
    """Raise OpFaultError in place of whatever is raised within: it is the fault of `function`.

    Memory that runs out passes: a larger machine may do.
    what: the field of the op that holds the function.
    """
    try:
        yield
    except OpbenchError:
        raise
    except (Exception, SystemExit) as error:
        # A larger machine may do.
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
    """The error that says what is wrong with one of an op's functions, and in which line.

    error: raised by the function; the line is then the one that raised it.
    """
    place = place_of(function, error)
    return OpFaultError(f"op {op}{place and f' ({place})'}: {what}", why)


@dataclass(slots=True)
class OpFaults:
    """The faults of ops that come up in a number of cases, each reported once."""

    #: By the function at fault: why, and on which case.
    _faults: dict[str, list[tuple[str, Case]]] = field(default_factory=dict)

    @contextmanager
    def collect(self, case: Case) -> Iterator[None]:
        """Go on after a fault of the case's op, and remember it."""
        try:
            yield
        except OpFaultError as error:
            self._faults.setdefault(error.where, []).append((error.why, case))

    @property
    def texts(self) -> tuple[str, ...]:
        """A line for each fault, with the first of its cases."""
        return tuple(
            f"{where} {cases[0][0]} (on {cases[0][1].label}: {cases[0][1].sizes}"
            f"{f', and on {len(cases) - 1} more' if len(cases) > 1 else ''})"
            for where, cases in self._faults.items()
        )


def note_circumstances(error: Exception, circumstances: str) -> None:
    """Have the outcome that stands for what was raised tell in which circumstances it was."""
    error.add_note(f"{_NOTE}{circumstances}: ")


def _reason(error: Exception) -> str:
    """What was raised, after the circumstances that were noted."""
    notes = (note for note in getattr(error, "__notes__", ()) if note.startswith(_NOTE))
    return "".join((*(note.removeprefix(_NOTE) for note in notes), one_line(error)))


def _is_memory(error: BaseException) -> bool:
    """Whether memory ran out; torch's CPU allocator raises a mere RuntimeError for it."""
    by_type = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return by_type or "DefaultCPUAllocator" in str(error)
