"""From a selection to the races it stands for: which contenders meet on which cases. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.suggestions import listed, near
from opbench.harness.declare import LAYOUTS, Impl, Op, Shape, board_of, races_on
from opbench.harness.planning.expression import matches
from opbench.harness.planning.refusal import why_nothing, without_contender
from opbench.harness.planning.selection import Race, Selection, ensure_known, selected_ops
from opbench.harness.system.cores import usable_cores
from opbench.results.errors import SelectionError
from opbench.results.records import Case


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


def _select(
    catalog: Catalog,
    selection: Selection,
    cases_of: Callable[[Op, Selection], Iterator[Case]],
    enters: Callable[[Op, Impl, Case], bool],
) -> tuple[Race, ...]:
    races = []
    ops = selected_ops(catalog, selection.names)
    ensure_known(selection.dtypes, {name for op in ops for name in op.dtypes}, "dtype")
    ensure_known(selection.inputs, {name for op in ops for name in op.inputs}, "input kind")
    if selection.names != (ops[0].name,):
        found = {name for op in ops for name in catalog.impls[op.name]}
        ensure_known(selection.impls, found, "contender")
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
            if not selection.threads and usable_cores() > 1:
                every = replace(plain, threads=usable_cores())
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
        op=op.name,
        shape=shape[0],
        axes=tuple(shape[1].items()),
        inputs=kind,
        cache=selection.cache,
        threads=selection.threads or usable_cores(),
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


def _bits(dtype: str) -> int:
    """The width of a dtype, by its name."""
    return int("".join(filter(str.isdigit, dtype)) or 0)


def _known(names: tuple[str, ...], allowed: tuple[str, ...], op: Op, what: str) -> tuple[str, ...]:
    for name in names:
        if name not in allowed:
            raise SelectionError(
                f"{op.name} has no {what} {name!r}{near(name, allowed)}; it has {listed(allowed)}"
            )
    return names
