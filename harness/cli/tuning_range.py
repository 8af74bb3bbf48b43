"""The shapes and contenders of `opbench tune`: what its options mean for an op.

Whatever the op doesn't have, or can't be chosen by, is refused before a run is begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.choosing.call_axes import CallAxes
    from opbench.harness.cli.tuning import TuneCommand
    from opbench.harness.declare import Op
    from opbench.harness.planning.selection import Selection
    from opbench.harness.planning.shape_ranges import Candidate


def candidates(command: TuneCommand, catalog: Catalog) -> tuple[tuple[Candidate, ...], CallAxes]:
    """The shapes that may be raced, and the op's axes as a call shows them.

    Raises SelectionError where there is no shape, where sizes are to be chosen by that no call
    shows, and where a name is none of the op's.
    """
    from opbench.harness.choosing.call_axes import call_axes

    op = catalog.op(command.op)
    axes = call_axes(op, next(iter(command.selection.inputs), ""))
    found = _in_range(command, op, axes.hidden)
    if not found:
        raise SelectionError(f"{op.name}: there is no range of sizes to choose for")
    _ensure_shown(op, found, axes)
    _ensure_known(command, catalog, found[0])
    return found, axes


def _in_range(command: TuneCommand, op: Op, hidden: Sequence[str]) -> tuple[Candidate, ...]:
    """The shapes of the range that is given; without one, those of earlier runs."""
    from opbench.harness.planning import shape_ranges

    if command.served:
        return shape_ranges.like_served(op, command.served)
    if command.like:
        return shape_ranges.like_declared(op, command.selection, command.like, hidden)
    if command.selection.shapes or command.selection.sweeps:
        return shape_ranges.in_range(op, command.selection)
    return shape_ranges.measured(
        record.case for run in command.earlier for record in run.records(ops=(op.name,))
    )


def _ensure_known(command: TuneCommand, catalog: Catalog, first: Candidate) -> None:
    """Raise SelectionError for what the op or its contenders don't have, before a run is begun."""
    from opbench.harness.declare import LAYOUTS
    from opbench.harness.planning.cases import plan
    from opbench.harness.planning.selection import ensure_known

    accepted, impls = command.wishes.conditions.accepted, catalog.impls[command.op]
    kinds = {*catalog.op(command.op).inputs, *LAYOUTS}
    ensure_known(tuple(sorted(accepted)), kinds, "input kind")
    ensure_known(command.wishes.preferred, set(impls), "contender")
    shape = {"names": (command.op,), "shapes": (first.text,), "sweeps": ()}
    plan(catalog, replace(selection(command, catalog), grid="quick", **shape))  # type: ignore[arg-type]


def unmet(command: TuneCommand, op: Op) -> Iterator[str]:
    """What recorded calls need that isn't raced, a sentence each."""
    from opbench.results.choosing.served import unmet as unmet_of

    selection = command.selection
    own = [item for item in command.served if item.op == op.name]
    if not op.grad:  # a dispatcher of it doesn't look at gradients
        own = [replace(item, requires_grad=None) for item in own]
    dtypes = selection.dtypes or op.dtypes[:1]
    return unmet_of(own, dtypes=dtypes, directions=selection.directions)


def _ensure_shown(op: Op, candidates: Sequence[Candidate], axes: CallAxes) -> None:
    """Raise SelectionError where an axis varies that no call shows."""
    for axis in axes.hidden:
        if len({candidate.axes[axis] for candidate in candidates}) > 1:
            raise SelectionError(
                f"{op.name}: {axis} ({op.axes[axis]}) can't be read off a call, so no choice can "
                "go by it: give it one value"
            )


def selection(command: TuneCommand, catalog: Catalog) -> Selection:
    """The selection; contenders that are given are added to those of earlier runs."""
    if not command.selection.impls:
        return command.selection
    recorded = (r.contender for run in command.earlier for r in run.records(ops=(command.op,)))
    known = [name for name in recorded if name in catalog.impls[command.op]]
    return replace(
        command.selection, impls=tuple(dict.fromkeys((*known, *command.selection.impls)))
    )
