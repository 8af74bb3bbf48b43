"""The dispatcher of an op: a callable that runs the contender that a table names for a call.

It is built once, from a table that was compared with what is here: the contenders are resolved and
prepared, and a function is generated and compiled that compares sizes and calls one of them. Under
torch.compile another function is traced in its place: it has the choice made by the tensors that
are there while tracing, so that no size becomes a guard. The compiled graph then keeps its
contender for all sizes that it serves.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, Protocol

import torch

from opbench.harness.catalog import Catalog, load
from opbench.harness.choosing.call_axes import call_axes
from opbench.harness.choosing.call_text import call_text
from opbench.harness.choosing.current import differences, ensure_usable
from opbench.harness.choosing.dispatch_source import Program, program_of
from opbench.harness.choosing.guards import guards_of, lacking_of
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declaration.observed import CONTENDER, DISPATCHERS, observed
from opbench.harness.declare import Impl, Op
from opbench.harness.machine.environment import describe
from opbench.harness.preparation.output_modes import function_in_mode
from opbench.harness.preparation.resolve import bind_arguments, ensure_installed, resolve
from opbench.results.choosing.table import Table
from opbench.results.choosing.table_file import read_table
from opbench.results.errors import StaleTableError, TableError


class DispatchWarning(UserWarning):
    """A dispatcher runs its fallback, or what a table that isn't for this machine names."""


class Dispatcher(Protocol):
    """What `dispatch` returns: a function of the op's arguments and options."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run the contender that the table names for these arguments, and return its output."""
        ...

    def which(self, *args: Any, **options: Any) -> str:
        """The name of the contender that would run."""
        ...


def dispatch(
    op: str,
    table: str | Path | Table,
    *,
    catalog: Catalog | None = None,
    checked: bool = False,
    allow_stale: bool = False,
) -> Dispatcher:
    """A callable for an op, which picks a contender by shape, dtype, device, gradients and threads.

        pool = dispatch("patch_pooling", "pooling.json")
        pool(tokens, lengths)

    It is built once; a call compares sizes, and adds less than a microsecond to what it runs. Where
    nothing was measured the table's fallback runs, which a DispatchWarning says once. Under
    torch.compile the choice is made while tracing, by the shapes that are there then.

    table: a table of `opbench choose -o`, or its file.
    catalog: where the contenders are found; what is installed where None.
    checked: whether each call's arguments are validated first, as `Catalog.call` does.
    allow_stale: whether a table that was made elsewhere, or of other sources, is used with a
        DispatchWarning. A contender that isn't there any more is refused in any case.
    Raises TableError where the table can't be read, StaleTableError where it isn't for what is
    here, and UnsupportedError where a contender of it doesn't run here.
    """
    table = table if isinstance(table, Table) else read_table(table)
    if table.op != op:
        raise TableError(f"the table is of {table.op}, not of {op}")
    catalog = catalog or load()
    declared, impls = catalog.op(op), catalog.impls[op]
    ensure_current(table, declared, impls, allow_stale=allow_stale)
    numbers, made = _built(table, declared, impls)
    dispatcher = _checking(declared, made["dispatch"]) if checked else made["dispatch"]
    dispatcher.which = _namer(tuple(numbers), made["pick"])
    dispatcher.__name__ = dispatcher.__qualname__ = op
    dispatcher.__doc__ = declared.doc
    result: Dispatcher = dispatcher
    return result


def _namer(names: tuple[str, ...], pick: Callable[..., int]) -> Callable[..., str]:
    """The function that names the contender which would run."""

    def which(*args: Any, **options: Any) -> str:
        """The name of the contender that would run."""
        tensors = (value for value in args if isinstance(value, torch.Tensor))
        needs = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        return names[pick(needs, *args, **options)]

    return which


def ensure_current(table: Table, op: Op, impls: Mapping[str, Impl], *, allow_stale: bool) -> None:
    """Raise StaleTableError where a table isn't for what is here; warn, where that is allowed."""
    axes = call_axes(op, table.sections[0].situation.inputs)
    ensure_usable(table, op, impls, axes)
    for section in table.sections:
        for axis in axes.hidden:
            low, high = section.bounds.get(axis, (0.0, 0.0))
            if low != high:
                raise TableError(
                    f"{op.name}: {axis} ({op.axes[axis]}) can't be read off the arguments of a "
                    f"call, and was {low:g} to {high:g} where it was measured: choose for one"
                )
    changed = tuple(differences(table, op, impls, describe()))
    if changed and not allow_stale:
        raise StaleTableError(
            f"the table of {op.name} isn't for what is here: {'; '.join(changed)}; choose anew, "
            "or give allow_stale=True"
        )
    for text in changed:
        warnings.warn(f"{op.name}: {text}", DispatchWarning, stacklevel=3)


def _built(
    table: Table, op: Op, impls: Mapping[str, Impl]
) -> tuple[Mapping[str, int], dict[str, Any]]:
    """The number of each contender, and the functions of the generated program by name."""
    guards, predicates = guards_of(table, op, impls)
    program = program_of(table, op, guards, lacking_of(table, op, impls))
    names = _names(table, op, impls, program)
    names |= predicates
    code = compile(program.text, f"<dispatch of {op.name}>", "exec")
    # The text is made of a table that was read field by field, and compared with the op's own.
    exec(code, names)
    dispatcher, traced, pick = names["dispatch"], names["traced"], names["pick"]
    assert isinstance(dispatcher, FunctionType)
    DISPATCHERS[dispatcher] = op.name
    if _is_traceable(op, table):
        # The compiler runs `pick` while it traces, on the tensors that are there, and keeps the
        # number: an `if` on a size would be a guard, and a recompilation for each region.
        pick._dynamo_marked_constant = True
        dispatcher.__dict__["_torchdynamo_inline"] = traced
    return program.numbers, {"dispatch": dispatcher, "pick": pick}


def _is_traceable(op: Op, table: Table) -> bool:
    """Whether the compiler can hand all arguments to a function that it runs: no lists."""
    return bool(op.arguments) and not table.tensor.endswith("[0]")


def _names(table: Table, op: Op, impls: Mapping[str, Impl], program: Program) -> dict[str, Any]:
    """The values that the generated program asks for."""
    board = table.sections[0].situation.board
    functions = {name: _function(op, impls[name], board) for name in table.contenders}
    fallback = f"{CONTENDER}{program.numbers[table.fallback]}"
    say = _sayer(table, op)

    def outside(*args: Any, **options: Any) -> Any:
        """Run the fallback, and say so once."""
        say(args, options)
        return names[fallback](*args, **options)

    def outside_number(*args: Any, **options: Any) -> int:
        """The fallback's number, said once too."""
        say(args, options)
        return program.numbers[table.fallback]

    names: dict[str, Any] = {"outside": outside, "outside_number": outside_number}
    names |= {"graph": torch.is_grad_enabled, "threads": torch.get_num_threads}
    names |= {f"default_{name}": value for name, value in op.defaults.items()}
    names |= {variable: _dtype(name) for variable, name in program.dtypes.items()}
    for name, number in program.numbers.items():
        names[f"{CONTENDER}{number}"] = observed("dispatch", op.name, functions[name])
    return names


def _function(op: Op, contender: Impl, board: str) -> Callable[..., Any]:
    """The function that is called; where fresh memory is asked for, a view's copy."""
    ensure_installed(contender)
    function = resolve(contender)
    if board != "materialise":
        return function
    return function_in_mode(op, contender, function, board)


def _dtype(name: str) -> torch.dtype:
    """The dtype of that name. Raises TableError where torch has none."""
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise TableError(f"{name!r} is no dtype of torch")
    return dtype


def _sayer(table: Table, op: Op) -> Callable[[Sequence[Any], Mapping[str, Any]], None]:
    """Says once that the fallback runs."""
    said: list[bool] = []

    def say(args: Sequence[Any], options: Mapping[str, Any]) -> None:
        """Warn, unless that was done before."""
        if not said:
            said.append(True)
            where = "; ".join(section.measured for section in table.sections)
            warnings.warn(
                f"{op.name}: a call ({call_text(table, op, args, options)}) is outside of what was "
                f"measured ({where}): {table.fallback} runs, here and wherever else nothing was "
                "measured",
                DispatchWarning,
                stacklevel=4,
            )

    return say


def _checking(op: Op, function: Callable[..., Any]) -> Any:
    """The function with its arguments validated first."""

    def checked(*args: Any, **options: Any) -> Any:
        """Validate as `Catalog.call` does, and run."""
        values = bind_arguments(op, args, options)
        if op.validate is not None:
            call_named(op.validate, values)
        return function(*args, **options)

    return checked
