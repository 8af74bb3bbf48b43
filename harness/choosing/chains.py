"""Chains among what is chosen for: which races of their parts belong to which of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.named_arguments import call_named
from opbench.harness.declare import Op, Shape, board_of
from opbench.harness.outcomes import charged_to, op_fault
from opbench.results.choosing.choice import Choice
from opbench.results.choosing.company import Company, Part, company_of
from opbench.results.choosing.gather import Races
from opbench.results.choosing.situations import Row, Situation

#: What a situation of a part has of that of its chain.
_SHARED = ("dtype", "device", "direction", "threads", "layout", "cache")


def companies(catalog: Catalog, choice: Choice, races: Sequence[Races]) -> tuple[Company, ...]:
    """What is to be said of each shape of a choice for a chain; nothing where the op is none.

    races: those of the parts, of the same runs. Raises OpFaultError where the op's `parts` give a
    shape that a part doesn't have.
    """
    op = catalog.ops.get(choice.situation.op)
    if op is None or not op.parts:
        return ()
    impls = catalog.impls[op.name]
    made_of = {
        name: tuple(part for _, part in impls[name].made_of)
        for name in choice.contenders
        if impls[name].made_of
    }
    return tuple(
        company_of(row, choice.contenders, made_of, _parts(catalog, op, choice, row, races))
        for row in choice.rows
    )


def _parts(
    catalog: Catalog, op: Op, choice: Choice, row: Row, races: Sequence[Races]
) -> tuple[Part, ...]:
    """The parts of a chain on one of its shapes."""
    sizes = {axis: int(size) if size.is_integer() else size for axis, size in row.axes.items()}
    axes: Shape = {**dict(choice.situation.fixed), **sizes}
    found = []
    for name in op.parts:
        shape = part_shape(op, catalog.op(name), axes)
        text = ",".join(f"{axis}={value}" for axis, value in shape.items())
        own = _row(_situation(catalog, op, name), choice.situation, shape, races)
        found.append(Part(op=name, shape=text, row=own))
    return tuple(found)


def part_shape(op: Op, part: Op, axes: Shape) -> Shape:
    """The shape of a part on a shape of its chain. Raises OpFaultError where it has other axes."""
    make = op.parts[part.name]
    with charged_to(op.name, f"parts[{part.name!r}]", make):
        shape: Shape = dict(call_named(make, axes))
    if set(shape) != set(part.axes):
        why = f"returned the axes {', '.join(shape)}; {part.name} has {', '.join(part.axes)}"
        raise op_fault(op.name, f"parts[{part.name!r}]", make, why)
    return {axis: shape[axis] for axis in part.axes}


def _situation(catalog: Catalog, op: Op, part: str) -> Mapping[str, str]:
    """In which situations of a part its contenders race as they do in a chain."""
    declared = catalog.op(part)
    names = {
        name
        for contender in catalog.impls[op.name].values()
        for of, name in contender.made_of
        if of == part
    }
    board = next((board_of(declared, catalog.impl(part, n)) for n in sorted(names)), "")
    return {"op": part, "inputs": declared.timed_kinds[0], "board": board}


def _row(
    named: Mapping[str, str], chain: Situation, shape: Shape, races: Sequence[Races]
) -> Row | None:
    """The row of a part on a shape, in the situation of the chain; None where there is none."""
    due = {**{field: getattr(chain, field) for field in _SHARED}, **named}
    for item in races:
        if all(getattr(item.situation, field) == value for field, value in due.items()):
            for row in item.rows.values():
                if {**dict(item.situation.fixed), **row.axes} == shape:
                    return row
    return None
