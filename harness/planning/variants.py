"""The cases of one shape: in each device, dtype, layout and pass of a selection. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from opbench.harness.declaration.suggestions import listed, near
from opbench.harness.declare import LAYOUTS, Op, Shape
from opbench.harness.planning.selection import Selection
from opbench.harness.system.cores import usable_cores
from opbench.results.errors import SelectionError
from opbench.results.records import Case


def output_modes(op: Op, selection: Selection) -> tuple[str, ...]:
    """The op's output modes that are selected."""
    return tuple(mode for mode in op.boards if mode in selection.boards)


def variants(
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
        for dtype in known(selection.dtypes or dtypes, op.dtypes, op, "dtype"):
            for layout in known(selection.layouts, LAYOUTS, op, "layout"):
                for direction in selection.directions:
                    if direction == "forward" or (op.grad and "float" in dtype):
                        yield replace(
                            base, device=device, dtype=dtype, layout=layout, direction=direction
                        )
                    # Without a gradient what is left of both passes is the forward pass.
                    elif selection.directions == ("both",):
                        yield replace(base, device=device, dtype=dtype, layout=layout)


def known(names: tuple[str, ...], allowed: tuple[str, ...], op: Op, what: str) -> tuple[str, ...]:
    for name in names:
        if name not in allowed:
            raise SelectionError(
                f"{op.name} has no {what} {name!r}{near(name, allowed)}; it has {listed(allowed)}"
            )
    return names
