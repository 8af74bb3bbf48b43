"""Count calls by what they are called with, at a microsecond or two for each.

A counted function reads the shape, layout, dtype, device and gradient of each tensor, and runs the
function with the very same arguments; what that returns or raises is handed on. Counts are kept for
each thread, and read at the end. Calls that a counted function makes itself are not counted: they
are how it is implemented. Where something can't be read, that is counted with its reason.

What a call costs is the attributes that are read of its tensors. So they are read by source that is
made for a number of arguments, without a function call for each; the device is read of the first
one alone, and strides where a tensor isn't contiguous. Of a tensor's subclass nothing is read, as
that would run its own code; nor below a mode of torch's functions, which would see it.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from opbench.harness.declaration.observed import ORIGINAL
from opbench.harness.recording.facts import CallFacts, TensorFacts, Unknown, contiguous_strides
from opbench.results.errors import one_line

#: The most different calls that are kept apart, in each thread.
MOST = 10_000
#: Read as they are. Of a subclass of a tensor the attributes may be anything.
_TENSORS = frozenset((Tensor, Parameter))
_PLAIN = frozenset((int, float, bool, str, type(None)))
#: The longest list that is kept item by item.
_LONGEST = 64
#: What reading the attributes of such tensors raises: of sparse and nested ones, say.
_UNREADABLE = (RuntimeError, TypeError, ValueError, AttributeError, LookupError)
_TRACED = "called while torch traces, or below a mode of torch's functions"

#: What is kept of a call: the number of its function, whether gradients are enabled, and the
#: arguments; or that number and why nothing is known. With named arguments there is such a key,
#: their names and their values.
Key = tuple[Hashable, ...]
_Function = Callable[..., Any]


@dataclass(slots=True)
class _Thread:
    """What a thread has counted.

    Threads share nothing while they count: adding to one number from several would lose counts.
    """

    #: Whether it is in a counted function.
    inside: bool = False
    #: How often each call was made, and in how many nanoseconds.
    calls: dict[Key, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class Calls:
    """The calls of some functions, counted from the first `counted` until `stop`.

    A counted function that somebody still holds by then only runs what it counted.
    """

    #: By number, how each function is called, and the ops that it may be of.
    names: list[tuple[str, list[str]]] = field(default_factory=list)
    _threads: list[_Thread] = field(default_factory=list)
    _here: threading.local = field(default_factory=threading.local)
    #: Not empty from the end on.
    _stopped: list[bool] = field(default_factory=list)

    def counted(self, how: str, ops: list[str], function: _Function) -> _Function:
        """A function that does what `function` does, and counts its calls.

        how, ops: as CallFacts has them; more ops may be added to the list.
        """
        self.names.append((how, ops))
        made = _counted(self, len(self.names) - 1, function)
        if isinstance(function, FunctionType):
            # TorchScript reads a function's source with the names that it finds here.
            made = FunctionType(
                made.__code__, function.__globals__, closure=made.__closure__, name=made.__name__
            )
        functools.update_wrapper(made, function)
        setattr(made, ORIGINAL, function)
        # The compiler traces the function itself.
        made.__dict__["_torchdynamo_inline"] = function
        _make_known_to_script(made, function)
        return made

    def stop(self) -> None:
        """Count nothing from now on."""
        self._stopped.append(True)

    def facts(self) -> Iterator[CallFacts]:
        """What was counted."""
        totals: dict[Key, list[int]] = {}
        for thread in tuple(self._threads):
            for key, (count, spent) in tuple(thread.calls.items()):
                total = totals.setdefault(key, [0, 0])
                total[0] += count
                total[1] += spent
        for key, (count, spent) in totals.items():
            yield self._facts(key, count, spent / 1e9)

    def _facts(self, key: Key, count: int, seconds: float) -> CallFacts:
        """What a key says of the calls that have it."""
        first, *named = key if isinstance(key[0], tuple) else (key,)
        assert isinstance(first, tuple)
        number, grad, *values = first
        how, ops = self.names[number]
        if isinstance(grad, str):
            return CallFacts(how=how, ops=tuple(ops), count=count, seconds=seconds, unread=grad)
        half = len(named) // 2
        return CallFacts(
            how=how,
            ops=tuple(ops),
            args=tuple(map(_fact, values)),
            options=tuple(zip(map(str, named[:half]), map(_fact, named[half:]), strict=True)),
            grad=grad,
            count=count,
            seconds=seconds,
        )

    def _begin(self) -> _Thread:
        """The counts of this thread, which has none yet."""
        thread = self._here.thread = _Thread()
        self._threads.append(thread)
        return thread


#: What is kept of a tensor, as source: to call a function for it would take as long as it reads.
_TENSOR = "{0}.shape, {0}.is_contiguous() or {0}.stride(), {0}.dtype, grad and {0}.requires_grad"
#: The device is that of the first argument.
_FIRST = "({0}, {{0}}.is_cpu or {{0}}.device) if type({{0}}) in tensors else part({{0}}, grad)"
_OTHER = "({0}) if type({{0}}) in tensors else part({{0}}, grad)"


def _keys() -> str:
    """The source that makes the keys of calls with few arguments."""
    lines = []
    for names in (("a",), ("a", "b"), ("a", "b", "c")):
        first, *others = names
        parts = [_FIRST.format(_TENSOR).format(first)]
        parts += [_OTHER.format(_TENSOR).format(name) for name in others]
        lines += [
            f"elif size == {len(names)}:",
            f"    {', '.join(names)}, = args",
            f"    key = (number, grad, {', '.join(parts)})",
        ]
    return "\n".join(" " * 16 + line for line in lines)


#: The function that counts, of names that its closure holds: it may get other globals.
_SOURCE = f"""
def make(here, begin, stopped, slow, add, part, tensors, plain, grad_enabled, modes, traced, clock,
         unreadable, reason, number, function):
    def counted(*args, **options):
        try:
            thread = here.thread
        except AttributeError:
            thread = begin()
        if thread.inside or stopped:
            return function(*args, **options)
        thread.inside = True
        try:
            try:
                grad = grad_enabled()
                size = len(args)
                if modes():
                    key = (number, traced)
{_keys()}
                else:
                    key = slow(number, grad, args)
                if options:
                    values = options.values()
                    if not plain.issuperset(map(type, values)):
                        values = [part(value, grad) for value in values]
                    key = (key, *options, *values)
            except unreadable as error:
                key = (number, reason(error))
            start = clock()
            result = function(*args, **options)
            spent = clock() - start
        finally:
            thread.inside = False
        try:
            entry = thread.calls[key]
        except KeyError:
            entry = add(thread.calls, key)
        entry[0] += 1
        entry[1] += spent
        return result

    return counted
"""
_MADE: dict[str, Any] = {}
exec(compile(_SOURCE, "<calls that are counted>", "exec"), _MADE)


def _counted(calls: Calls, number: int, function: _Function) -> FunctionType:
    """The function that counts the calls of `function`."""
    made = _MADE["make"](
        here=calls._here,
        begin=calls._begin,
        stopped=calls._stopped,
        slow=_slow,
        add=_add,
        part=_part,
        tensors=_TENSORS,
        plain=_PLAIN,
        grad_enabled=torch.is_grad_enabled,
        modes=_modes,
        traced=_TRACED,
        clock=time.perf_counter_ns,
        unreadable=_UNREADABLE,
        reason=one_line,
        number=number,
        function=function,
    )
    assert isinstance(made, FunctionType)
    return made


def _make_known_to_script(made: _Function, function: _Function) -> None:
    """Let TorchScript take a function for the one that it counts.

    It knows builtins, and functions whose result depends on a flag, by who they are.
    """
    builtins = sys.modules.get("torch.jit._builtins")
    if builtins is not None and (name := builtins._find_builtin(function)):
        builtins._register_builtin(made, name)
    flags = getattr(sys.modules.get("torch._jit_internal"), "boolean_dispatched", {})
    if function in flags:
        flags[made] = flags[function]


def _none() -> None:
    """Where torch has no such state."""


_modes: Callable[[], Any] = getattr(torch._C, "_len_torch_function_stack", _none)
_tracing: Callable[[], Any] = getattr(torch._C, "_get_tracing_state", _none)


def _add(calls: dict[Key, list[int]], key: Key) -> list[int]:
    """The counts of a call that wasn't made before."""
    number = key[0][0] if isinstance(key[0], tuple) else key[0]
    if _tracing() is not None:
        key = (number, _TRACED)
    elif len(calls) >= MOST:
        key = (number, f"more than {MOST} different calls")
    return calls.setdefault(key, [0, 0])


def _slow(number: int, grad: bool, args: tuple[Any, ...]) -> Key:
    """The key of any call, without named arguments."""
    return (number, grad, *(_part(value, grad) for value in args))


def _part(value: Any, grad: bool) -> Hashable:
    """What is kept of an argument."""
    kind = type(value)
    if kind in _TENSORS:
        shape, strides = value.shape, value.is_contiguous() or value.stride()
        needs = grad and value.requires_grad
        return shape, strides, value.dtype, needs, value.is_cpu or value.device
    if kind in _PLAIN:
        found: Hashable = value
        return found
    if isinstance(value, tuple | list) and len(value) <= _LONGEST:
        return ("", *(_part(item, grad) for item in value))
    if isinstance(value, torch.dtype | torch.device):
        return str(value)
    return Unknown(f"a {kind.__module__}.{kind.__qualname__}")


def _fact(part: Any) -> Any:
    """What is known of an argument, from what was kept of it."""
    if not isinstance(part, tuple):
        return part
    if part and part[0] == "":
        return tuple(map(_fact, part[1:]))
    shape, strides, dtype, requires_grad, *device = part
    sizes = tuple(map(int, shape))
    return TensorFacts(
        shape=sizes,
        strides=contiguous_strides(sizes) if strides is True else tuple(map(int, strides)),
        dtype=str(dtype).removeprefix("torch."),
        device="" if not device else "cpu" if device[0] is True else str(device[0]),
        requires_grad=bool(requires_grad),
    )
