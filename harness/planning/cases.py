"""Plan races: the contenders and cases that a selection stands for. No torch.

Timed cases are those of the selected grid, on one input kind and dtype by default. Checked cases
are more and smaller: every kind, dtype, layout and edge shape, but not in all combinations, which
would be thousands. Contenders enter a case by their output mode and the selection's expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.suggestions import listed, near
from opbench.harness.declare import LAYOUTS, SAME_VALUES, Impl, Op, Shape, board_of, races_on
from opbench.harness.planning.expression import matches
from opbench.harness.planning.refusal import why_nothing, without_contender
from opbench.harness.planning.selection import Race, Selection, ensure_known, selected_ops
from opbench.harness.system.cores import usable_cores
from opbench.results.errors import SelectionError
from opbench.results.records import Case, Direction


def plan(catalog: Catalog, selection: Selection) -> tuple[Race, ...]:
    """The races to time, case by case.

        plan(catalog, Selection(names=("patch_pooling",)))

    Raises SelectionError where a name isn't known, or nothing is selected.
    """
    return _select(catalog, selection, _timed_cases, _raced_on)


def plan_checks(catalog: Catalog, selection: Selection) -> tuple[Race, ...]:
    """The races to check: every input kind, layout, dtype and edge shape of each op.

    Every input kind and layout meets the first edge shape, and the first kind every edge shape,
    each in every dtype, on one thread; the simplest of these cases is also run on every core. Of
    ops that are selected by their own names the quick shapes are checked as well.
    Raises SelectionError as `plan` does.
    """
    enters = partial(_checked_on, threads=selection.threads or 1)
    return _select(catalog, selection, _checked_cases, enters)


def is_as_large(case: Case, other: Case) -> bool:
    """Whether `case` needs as much memory as `other`, or more: no axis of it is smaller."""
    alike = ("op", "board", "inputs", "device", "layout")
    if any(getattr(case, name) != getattr(other, name) for name in alike):
        return False
    # A forward pass is part of the others.
    if other.direction not in (case.direction, "forward"):
        return False
    if case.dtype != other.dtype and _bits(case.dtype) < _bits(other.dtype):
        return False
    axes = dict(other.axes)
    return all(
        value >= axes[name] if isinstance(value, int | float) else value == axes[name]  # type: ignore[operator]
        for name, value in case.axes
    )


def is_thorough(op: Op, contender: Impl, case: Case) -> bool:
    """Whether a check calls a contender in unusual circumstances as well.

    That is done on the first edge shape and in the first dtype; what is compiled would be compiled
    anew for each of them.
    """
    return _is_simple(op, case) and case.dtype == op.dtypes[0] and contender.prepare is None


def looks_for_caches(op: Op, case: Case) -> bool:
    """Whether a check compares the work of two calls: on all cases of the first dtype.

    In the others, where a contender hardly caches more, on the simplest case.
    """
    is_first = _is_simple(op, case) and case.inputs == next(iter(op.inputs))
    return case.dtype == op.dtypes[0] or is_first


def _is_simple(op: Op, case: Case) -> bool:
    """Whether a case has the first edge shape, in contiguous inputs."""
    return case.shape == next(iter(op.edge or op.quick)) and case.layout == LAYOUTS[0]


def _select(
    catalog: Catalog,
    selection: Selection,
    cases_of: Callable[[Op, Selection], Iterator[Case]],
    enters: Callable[[Op, Impl, Case], bool],
) -> tuple[Race, ...]:
    """The races of the selected ops: each case with the contenders that enter it."""
    races = []
    ops = selected_ops(catalog, selection.names)
    ensure_known(selection.dtypes, {name for op in ops for name in op.dtypes}, "dtype")
    ensure_known(selection.inputs, {name for op in ops for name in op.inputs}, "input kind")
    # Of a single op `_contenders` does this, with nearer suggestions.
    if selection.names != (ops[0].name,):
        known = {name for op in ops for name in catalog.impls[op.name]}
        ensure_known(selection.impls, known, "contender")
    for op in ops:
        if op.name in selection.names and not catalog.impls[op.name]:
            raise SelectionError(without_contender(op))
        names = _contenders(catalog, op, selection)
        for case in _cases_of(op, selection, cases_of):
            entrants = tuple(
                name
                for name in names
                if enters(op, catalog.impls[op.name][name], case)
                and matches(selection.expression, f"{case.key}/{name}")
            )
            if entrants:
                races.append(Race(case, entrants))
    if not races:
        cases = (case for op in ops for case in _cases_of(op, selection, cases_of))
        raise SelectionError(why_nothing(catalog, ops, selection, tuple(cases)))
    return tuple(races)


def _cases_of(
    op: Op, selection: Selection, cases_of: Callable[[Op, Selection], Iterator[Case]]
) -> Iterator[Case]:
    """The cases of an op; none where it lacks all selected dtypes or input kinds.

    That is an error of an op that was selected by its own name, and not of one that a suite, or the
    whole catalogue, brought in.
    """
    if op.name in selection.names:
        return cases_of(op, selection)
    dtypes = tuple(name for name in selection.dtypes if name in op.dtypes)
    inputs = tuple(name for name in selection.inputs if name in op.inputs)
    if (selection.dtypes and not dtypes) or (selection.inputs and not inputs):
        return iter(())
    return cases_of(op, replace(selection, dtypes=dtypes, inputs=inputs))


def _contenders(catalog: Catalog, op: Op, selection: Selection) -> tuple[str, ...]:
    """The selected contenders of an op."""
    known = catalog.impls[op.name]
    if selection.names == (op.name,):
        return tuple(catalog.impl(op.name, name).name for name in selection.impls or known)
    return tuple(name for name in known if not selection.impls or name in selection.impls)


def _timed_cases(op: Op, selection: Selection) -> Iterator[Case]:
    shapes = op.full if selection.grid == "full" else op.quick
    kinds = _known(selection.inputs or op.timed_kinds, tuple(op.inputs), op, "input kind")
    for mode in _output_modes(op, selection):
        for shape in shapes.items():
            for kind in kinds:
                yield from _variants(op, selection, shape, (mode, kind), dtypes=op.dtypes[:1])


def _checked_cases(op: Op, selection: Selection) -> Iterator[Case]:
    """The cases of an op that are checked."""
    shapes = tuple((op.edge or op.quick).items())
    first = next(iter(op.inputs))
    kinds = _known(selection.inputs or tuple(op.inputs), tuple(op.inputs), op, "input kind")
    # Several cases are checked at a time, each on one thread.
    simple = replace(
        selection, layouts=LAYOUTS[:1], directions=("both",), threads=selection.threads or 1
    )
    strided = replace(simple, layouts=_LAYOUTS_PER_DTYPE)
    for mode in _output_modes(op, selection):
        for kind in kinds:
            # How a consumer takes NaN, say, is no matter of who made it.
            if mode == "consume" and kind != first:
                continue
            selected = _for_kind(op, kind, simple)
            yield from _variants(op, selected, shapes[0], (mode, kind), dtypes=())
        if first in kinds:
            for shape in shapes[1:]:
                yield from _variants(op, simple, shape, (mode, first), dtypes=op.dtypes)
            yield from _variants(op, strided, shapes[0], (mode, first), dtypes=op.dtypes)
            yield from _in_unusual_layouts(op, simple, shapes[0], (mode, first))
            if not selection.threads and usable_cores() > 1:
                on_all_cores = replace(simple, threads=usable_cores())
                yield from _variants(
                    op, on_all_cores, shapes[0], (mode, first), dtypes=op.dtypes[:1]
                )
        # Their oracles would take minutes over the whole catalogue.
        if op.edge and op.name in selection.names:
            yield from _quick_cases(op, simple, mode, kinds)


def _quick_cases(op: Op, simple: Selection, mode: str, kinds: tuple[str, ...]) -> Iterator[Case]:
    """The cases that are timed by default, in one dtype, to be checked as well."""
    for kind in op.timed_kinds[:1]:
        if kind in kinds:
            for shape in op.quick.items():
                yield from _variants(op, simple, shape, (mode, kind), dtypes=op.dtypes[:1])


def _for_kind(op: Op, kind: str, selection: Selection) -> Selection:
    """The selection in those dtypes in which an input kind is checked."""
    dtypes = selection.dtypes or op.dtypes
    if kind in op.long_sums:
        dtypes = tuple(name for name in dtypes if name in _HALF)
    return replace(selection, dtypes=dtypes)


#: The types in which a sum of thousands goes wrong.
_HALF = ("float16", "bfloat16")
#: Layouts that are checked in every dtype; the others in the first one.
_LAYOUTS_PER_DTYPE = ("transposed", "sliced")
#: The gradient of a view of rows far apart has room for what lies between them.
_FORWARD_LAYOUTS = ("far",)


def _in_unusual_layouts(
    op: Op, simple: Selection, shape: tuple[str, Shape], mode_and_kind: tuple[str, str]
) -> Iterator[Case]:
    """The cases of one shape and dtype in the layouts that other cases don't have."""
    for layout in LAYOUTS[1:] if op.arguments else ():
        if layout not in _LAYOUTS_PER_DTYPE:
            directions: tuple[Direction, ...] = (
                ("forward",) if layout in _FORWARD_LAYOUTS else simple.directions
            )
            laid_out = replace(simple, layouts=(layout,), directions=directions)
            yield from _variants(op, laid_out, shape, mode_and_kind, dtypes=op.dtypes[:1])


def _raced_on(op: Op, contender: Impl, case: Case) -> bool:
    return races_on(op, contender, case.board)


def _checked_on(op: Op, contender: Impl, case: Case, *, threads: int) -> bool:
    """Whether a contender is checked on a case that its op is checked on.

    It is in its own output mode, and where its result is consumed; the copy that turns a view into
    fresh memory is the harness's. A contender that is compiled anew for every dtype, layout and
    shape is checked in each of them, but not in each combination; and on all threads when raced.
    """
    if case.board not in (board_of(op, contender), "consume"):
        return False
    if contender.prepare is not None:
        if case.threads != threads or not (_is_simple(op, case) or case.dtype == op.dtypes[0]):
            return False
        # Each would be compiled for.
        if case.layout not in SAME_VALUES or case.inputs in op.long_sums:
            return False
    return _raced_on(op, contender, case)


def _output_modes(op: Op, selection: Selection) -> tuple[str, ...]:
    return tuple(mode for mode in op.boards if mode in selection.boards)


def _variants(
    op: Op,
    selection: Selection,
    shape: tuple[str, Shape],
    mode_and_kind: tuple[str, str],
    *,
    dtypes: tuple[str, ...],
) -> Iterator[Case]:
    """A case of one shape in each selected device, dtype, layout and pass."""
    mode, kind = mode_and_kind
    base = Case(
        op=op.name,
        shape=shape[0],
        axes=tuple(shape[1].items()),
        inputs=kind,
        cache=selection.cache,
        threads=selection.threads or usable_cores(),
        seed=selection.seed,
        board=mode,
    )
    for device in selection.devices:
        for dtype in _known(selection.dtypes or dtypes, op.dtypes, op, "dtype"):
            for layout in _known(selection.layouts, LAYOUTS, op, "layout"):
                for direction in selection.directions:
                    if direction == "forward" or (op.grad and "float" in dtype):
                        yield replace(
                            base, device=device, dtype=dtype, layout=layout, direction=direction
                        )
                    # Without a gradient what is left of both passes is the forward pass.
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
