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
from opbench.harness.declare import Impl, Op, races_on
from opbench.harness.planning.checked_cases import checked_cases, is_checked_on
from opbench.harness.planning.expression import matches
from opbench.harness.planning.given_shapes import fits, given_shapes
from opbench.harness.planning.refusal import why_nothing, without_contender
from opbench.harness.planning.selection import Race, Selection, ensure_known, selected_ops
from opbench.harness.planning.variants import known, output_modes, variants
from opbench.results.errors import SelectionError
from opbench.results.records import Case


def plan(catalog: Catalog, selection: Selection) -> tuple[Race, ...]:
    """The races to time, case by case.

        plan(catalog, Selection(names=("patch_pooling",)))

    Raises SelectionError where a name isn't known, or nothing is selected.
    """
    return _select(catalog, selection, _timed_cases, _raced_on)


def plan_checks(catalog: Catalog, selection: Selection) -> tuple[Race, ...]:
    """The races to check: every input kind, layout, dtype and edge shape of each op.

    Every input kind and layout meets the first edge shape, and the first kind every edge shape,
    each in every dtype, on one thread; the simplest of these cases is also run on every core. Each
    axis is long once. Of ops that are selected by their own names the quick shapes are checked too.
    Raises SelectionError as `plan` does.
    """
    enters = partial(is_checked_on, threads=selection.threads or 1)
    return _select(catalog, selection, checked_cases, enters)


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
        contenders = {name for op in ops for name in catalog.impls[op.name]}
        ensure_known(selection.impls, contenders, "contender")
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
    """The cases of an op; none where it lacks all selected dtypes or input kinds, or an axis.

    That is an error of an op that was selected by its own name, and not of one that a suite, or the
    whole catalogue, brought in.
    """
    if op.name in selection.names:
        return cases_of(op, selection)
    if not fits(op, selection):
        return iter(())
    dtypes = tuple(name for name in selection.dtypes if name in op.dtypes)
    inputs = tuple(name for name in selection.inputs if name in op.inputs)
    if (selection.dtypes and not dtypes) or (selection.inputs and not inputs):
        return iter(())
    return cases_of(op, replace(selection, dtypes=dtypes, inputs=inputs))


def _contenders(catalog: Catalog, op: Op, selection: Selection) -> tuple[str, ...]:
    """The selected contenders of an op."""
    all_of_them = catalog.impls[op.name]
    if selection.names == (op.name,):
        return tuple(catalog.impl(op.name, name).name for name in selection.impls or all_of_them)
    return tuple(name for name in all_of_them if not selection.impls or name in selection.impls)


def _timed_cases(op: Op, selection: Selection) -> Iterator[Case]:
    """The cases of the grid, or of the shapes that were given, in the first dtype."""
    declared = op.full if selection.grid == "full" else op.quick
    shapes = given_shapes(op, selection) or declared
    kinds = known(selection.inputs or op.timed_kinds, tuple(op.inputs), op, "input kind")
    for mode in output_modes(op, selection):
        for shape in shapes.items():
            for kind in kinds:
                yield from variants(op, selection, shape, (mode, kind), dtypes=op.dtypes[:1])


def _raced_on(op: Op, contender: Impl, case: Case) -> bool:
    """Whether a contender is raced in the output mode of a case."""
    return races_on(op, contender, case.board)


def _bits(dtype: str) -> int:
    """The width of a dtype, by its name."""
    return int("".join(filter(str.isdigit, dtype)) or 0)
