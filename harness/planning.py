"""From a selection to the races it stands for: which contenders meet on which cases. No torch."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from harness.catalog import Catalog
from harness.declare import LAYOUTS, Impl, Op, Shape, board_of, races_on
from harness.devices import ensure_devices
from harness.fields import BOARDS
from harness.refusal import why_nothing, without_contender
from harness.suggest import listed, near
from results.errors import SelectionError
from results.record import Case

DIRECTIONS = ("forward", "backward", "both")
GRIDS = ("quick", "full")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for. Empty tuples mean what each op declares as its usual choice.

    names: ops or suites, all where empty. expression: as pytest's -k, over the case and the
    contender. boards: those that an op has, of these. threads: 0 means every core that this
    process may use. Raises SelectionError where a device is none, on this machine or another.
    """

    names: tuple[str, ...] = ()
    expression: str = ""
    impls: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    dtypes: tuple[str, ...] = ()
    directions: tuple[str, ...] = ("forward",)
    inputs: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ("contiguous",)
    grid: str = "quick"
    cache: str = "warm"
    boards: tuple[str, ...] = BOARDS
    threads: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        ensure_devices(self.devices)


@dataclass(frozen=True, slots=True)
class Race:
    """The contenders that meet on one case."""

    case: Case
    contenders: tuple[str, ...]


def plan(catalog: Catalog, selection: Selection) -> tuple[Race, ...]:
    """The races to time. Raises SelectionError where nothing, or nothing known, is selected."""
    return _select(catalog, selection, _timed_cases, _raced_on)


def plan_checks(catalog: Catalog, selection: Selection) -> tuple[Race, ...]:
    """The races to check: every kind, layout, dtype and edge shape of each op.

    Every input kind and layout meets the first edge shape, and the first kind every edge shape,
    each in every dtype, on one thread; the plainest of these cases is also run on every core.
    Raises SelectionError as `plan`.
    """
    enters = partial(_checked_on, threads=selection.threads or 1)
    return _select(catalog, selection, _checked_cases, enters)


def selected_ops(catalog: Catalog, names: tuple[str, ...]) -> tuple[Op, ...]:
    """The ops that `names` (of ops or suites) stand for, all of them where empty."""
    chosen: dict[str, Op] = {}
    for name in names or tuple(catalog.ops):
        members = (name,) if name in catalog.ops else catalog.suites.get(name)
        if members is None:
            known = (*catalog.ops, *catalog.suites)
            raise SelectionError(
                f"there is no op or suite named {name!r}{near(name, known)}; suites: "
                f"{listed(catalog.suites)}; ops: {listed(catalog.ops, more='opbench list')}"
            )
        chosen |= {member: catalog.ops[member] for member in members}
    return tuple(chosen.values())


def is_as_large(case: Case, other: Case) -> bool:
    """Whether whoever ran out of memory on `other` would on `case`: no axis of it is smaller."""
    alike = ("op", "board", "inputs", "device", "layout")
    if any(getattr(case, name) != getattr(other, name) for name in alike):
        return False
    if other.direction not in (case.direction, "forward"):
        return False
    if case.dtype != other.dtype and _bits(case.dtype) < _bits(other.dtype):
        return False
    axes = dict(other.axes)
    return all(
        value >= axes[name] if isinstance(value, int | float) else value == axes[name]  # type: ignore[operator]
        for name, value in case.axes
    )


def matches(expression: str, text: str) -> bool:
    """Whether `text` satisfies an expression of substrings with and, or, not and parentheses.

    Raises SelectionError where the expression isn't one.
    """
    if not expression:
        return True
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return _evaluate(tree.body, text.lower())
    # The last two for what is nested too deeply.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        shown = expression if len(expression) <= 60 else f"{expression[:60]}…"
        raise SelectionError(
            f"-k {shown!r} is not an expression: use names with and, or, not and parentheses"
        ) from error


def _select(
    catalog: Catalog,
    selection: Selection,
    cases_of: Callable[[Op, Selection], Iterator[Case]],
    enters: Callable[[Op, Impl, Case], bool],
) -> tuple[Race, ...]:
    races = []
    ops = selected_ops(catalog, selection.names)
    _ensure_known(selection.dtypes, {name for op in ops for name in op.dtypes}, "dtype")
    _ensure_known(selection.inputs, {name for op in ops for name in op.inputs}, "input kind")
    if selection.names != (ops[0].name,):
        found = {name for op in ops for name in catalog.impls[op.name]}
        _ensure_known(selection.impls, found, "contender")
    for op in ops:
        if op.name in selection.names and not catalog.impls[op.name]:
            raise SelectionError(without_contender(op))
        names = _contenders(catalog, op, selection)
        for case in _cases_it_has(op, selection, cases_of):
            kept = tuple(
                name
                for name in names
                if enters(op, catalog.impls[op.name][name], case)
                and matches(selection.expression, f"{case.key}/{name}")
            )
            if kept:
                races.append(Race(case, kept))
    if not races:
        cases = (case for op in ops for case in _cases_it_has(op, selection, cases_of))
        raise SelectionError(why_nothing(catalog, ops, selection, tuple(cases)))
    return tuple(races)


def _cases_it_has(
    op: Op, selection: Selection, cases_of: Callable[[Op, Selection], Iterator[Case]]
) -> Iterator[Case]:
    """The cases of an op, and none where what is asked for isn't its own and it wasn't named.

    An op that is named and lacks a dtype or an input kind is an error; one that a suite, or the
    whole catalogue, brings in is left out.
    """
    if op.name in selection.names:
        return cases_of(op, selection)
    dtypes = tuple(name for name in selection.dtypes if name in op.dtypes)
    inputs = tuple(name for name in selection.inputs if name in op.inputs)
    if (selection.dtypes and not dtypes) or (selection.inputs and not inputs):
        return iter(())
    return cases_of(op, replace(selection, dtypes=dtypes, inputs=inputs))


def _contenders(catalog: Catalog, op: Op, selection: Selection) -> tuple[str, ...]:
    known = catalog.impls[op.name]
    if selection.names == (op.name,):
        return tuple(catalog.impl(op.name, name).name for name in selection.impls or known)
    return tuple(name for name in known if not selection.impls or name in selection.impls)


def _timed_cases(op: Op, selection: Selection) -> Iterator[Case]:
    shapes = op.full if selection.grid == "full" else op.quick
    kinds = _known(selection.inputs or op.timed_kinds, tuple(op.inputs), op, "input kind")
    for board in _boards(op, selection):
        for shape in shapes.items():
            for kind in kinds:
                yield from _variants(op, selection, shape, (board, kind), dtypes=op.dtypes[:1])


def _checked_cases(op: Op, selection: Selection) -> Iterator[Case]:
    shapes = tuple((op.edge or op.quick).items())
    usual = next(iter(op.inputs))
    kinds = _known(selection.inputs or tuple(op.inputs), tuple(op.inputs), op, "input kind")
    # Several cases are checked at a time, each on one thread.
    plain = replace(
        selection, layouts=LAYOUTS[:1], directions=("both",), threads=selection.threads or 1
    )
    bent = replace(plain, layouts=LAYOUTS[1:])
    for board in _boards(op, selection):
        for kind in kinds:
            yield from _variants(op, plain, shapes[0], (board, kind), dtypes=op.dtypes)
        if usual in kinds:
            for shape in shapes[1:]:
                yield from _variants(op, plain, shape, (board, usual), dtypes=op.dtypes)
            yield from _variants(op, bent, shapes[0], (board, usual), dtypes=op.dtypes)
            if not selection.threads and _cores() > 1:
                every = replace(plain, threads=_cores())
                yield from _variants(op, every, shapes[0], (board, usual), dtypes=op.dtypes[:1])


def _raced_on(op: Op, contender: Impl, case: Case) -> bool:
    return races_on(op, contender, case.board)


def _checked_on(op: Op, contender: Impl, case: Case, *, threads: int) -> bool:
    """Whether a contender is checked on a case that its op is checked on.

    It is on its own board, and where its result is handed on; the copy that makes a view fit for
    the materialise board is the harness's. What is compiled anew for every dtype, layout and shape
    is checked in each of them, but not in each combination; and on all threads when it is raced.
    """
    if case.board not in (board_of(op, contender), "consume"):
        return False
    if contender.prepare is not None:
        plain = case.shape == next(iter(op.edge or op.quick)) and case.layout == LAYOUTS[0]
        if case.threads != threads or not (plain or case.dtype == op.dtypes[0]):
            return False
    return _raced_on(op, contender, case)


def _boards(op: Op, selection: Selection) -> tuple[str, ...]:
    return tuple(board for board in op.boards if board in selection.boards)


def _variants(
    op: Op,
    selection: Selection,
    shape: tuple[str, Shape],
    setting: tuple[str, str],
    *,
    dtypes: tuple[str, ...],
) -> Iterator[Case]:
    board, kind = setting
    base = Case(
        op.name,
        shape[0],
        tuple(shape[1].items()),
        kind,
        cache=selection.cache,
        threads=selection.threads or _cores(),
        seed=selection.seed,
        board=board,
    )
    for device in selection.devices:
        for dtype in _known(selection.dtypes or dtypes, op.dtypes, op, "dtype"):
            for layout in _known(selection.layouts, LAYOUTS, op, "layout"):
                for direction in selection.directions:
                    if direction == "forward" or (op.grad and "float" in dtype):
                        yield replace(
                            base, device=device, dtype=dtype, layout=layout, direction=direction
                        )
                    elif selection.directions == ("both",):
                        yield replace(base, device=device, dtype=dtype, layout=layout)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _bits(dtype: str) -> int:
    """The width of a dtype, by its name."""
    return int("".join(filter(str.isdigit, dtype)) or 0)


def _ensure_known(names: tuple[str, ...], known: set[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise SelectionError(
                f"none of the ops has {what} {name!r}{near(name, known)}; they have {listed(known)}"
            )


def _known(names: tuple[str, ...], allowed: tuple[str, ...], op: Op, what: str) -> tuple[str, ...]:
    for name in names:
        if name not in allowed:
            raise SelectionError(
                f"{op.name} has no {what} {name!r}{near(name, allowed)}; it has {listed(allowed)}"
            )
    return names


def _evaluate(node: ast.expr, text: str) -> bool:
    if isinstance(node, ast.BoolOp):
        results = (_evaluate(value, text) for value in node.values)
        return all(results) if isinstance(node.op, ast.And) else any(results)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _evaluate(node.operand, text)
    if isinstance(node, ast.Name):
        return node.id.lower() in text
    if isinstance(node, ast.Constant):
        return str(node.value).lower() in text
    raise ValueError(f"{ast.dump(node)} is not a name")
