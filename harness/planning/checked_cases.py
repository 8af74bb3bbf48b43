"""The cases that an op is checked on, and what of a check is done on which of them. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from opbench.harness.declaration.samples import KIND as SAMPLES
from opbench.harness.declare import LAYOUTS, SAME_VALUES, Impl, Op, Shape, board_of, races_on
from opbench.harness.planning.borders import border_shapes, is_border, long_shapes
from opbench.harness.planning.given_shapes import given_shapes
from opbench.harness.planning.selection import Selection
from opbench.harness.planning.variants import known, output_modes, variants
from opbench.harness.system.cores import usable_cores
from opbench.results.records import Case, Direction


def checked_cases(op: Op, selection: Selection) -> Iterator[Case]:
    """The cases of an op that are checked."""
    shapes = tuple((op.edge or op.quick).items())
    first = next(iter(op.inputs))
    kinds = known(selection.inputs or tuple(op.inputs), tuple(op.inputs), op, "input kind")
    # Several cases are checked at a time, each on one thread.
    simple = replace(
        selection, layouts=LAYOUTS[:1], directions=("both",), threads=selection.threads or 1
    )
    if given := given_shapes(op, selection):
        yield from _given_cases(op, simple, given, kinds)
        return
    strided = replace(simple, layouts=_LAYOUTS_PER_DTYPE)
    for mode in output_modes(op, selection):
        for kind in kinds:
            if kind != first and _is_for_another(op, mode):
                continue
            selected = _for_kind(op, kind, simple)
            yield from variants(op, selected, shapes[0], (mode, kind), dtypes=())
        if first in kinds:
            for shape in shapes[1:]:
                yield from variants(op, simple, shape, (mode, first), dtypes=op.dtypes)
            yield from variants(op, strided, shapes[0], (mode, first), dtypes=op.dtypes)
            yield from _in_unusual_layouts(op, simple, shapes[0], (mode, first))
            if not selection.threads and usable_cores() > 1:
                on_all_cores = replace(simple, threads=usable_cores())
                yield from variants(
                    op, on_all_cores, shapes[0], (mode, first), dtypes=op.dtypes[:1]
                )
        if not _is_for_another(op, mode):
            yield from _border_cases(op, simple, mode, kinds)
        # Their oracles would take minutes over the whole catalogue.
        if op.edge and op.name in selection.names:
            yield from _quick_cases(op, simple, mode, kinds)
        # Torch's tests take seconds to be imported.
        if op.samples is not None and op.name in selection.names and first in kinds:
            yield from variants(op, simple, shapes[0], (mode, SAMPLES), dtypes=op.dtypes[:1])


def _given_cases(
    op: Op, simple: Selection, given: Mapping[str, Shape], kinds: tuple[str, ...]
) -> Iterator[Case]:
    """Shapes that the selection gives, in every input kind and dtype."""
    for mode in output_modes(op, simple):
        for kind in kinds:
            if kind == next(iter(op.inputs)) or not _is_for_another(op, mode):
                selected = _for_kind(op, kind, simple)
                for shape in given.items():
                    yield from variants(op, selected, shape, (mode, kind), dtypes=())


def _quick_cases(op: Op, simple: Selection, mode: str, kinds: tuple[str, ...]) -> Iterator[Case]:
    """The cases that are timed by default, in one dtype, to be checked as well."""
    for kind in op.timed_kinds[:1]:
        if kind in kinds:
            for shape in op.quick.items():
                yield from variants(op, simple, shape, (mode, kind), dtypes=op.dtypes[:1])


def _is_for_another(op: Op, mode: str) -> bool:
    """Whether a mode only consumes what is checked in another one.

    How a consumer takes NaN, say, is no matter of who made it.
    """
    return mode == "consume" and len(op.boards) > 1


def _border_cases(op: Op, simple: Selection, mode: str, kinds: tuple[str, ...]) -> Iterator[Case]:
    """The first kind at sizes where kernels change, and all others at long ones; forward."""
    first, dtypes = next(iter(op.inputs)), op.dtypes[:1]
    forward = replace(simple, directions=("forward",))
    for kind in kinds:
        if kind not in op.long_sums:
            shapes = border_shapes if kind == first else long_shapes
            for shape in shapes(op, dtype=dtypes[0]).items():
                yield from variants(op, forward, shape, (mode, kind), dtypes=dtypes)


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
            yield from variants(op, laid_out, shape, mode_and_kind, dtypes=op.dtypes[:1])


def is_checked_on(op: Op, contender: Impl, case: Case, *, threads: int) -> bool:
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
        if case.layout not in SAME_VALUES or is_border(case):
            return False
        if case.inputs in (*op.long_sums, SAMPLES):
            return False
    return races_on(op, contender, case.board)


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
    return is_first or (case.dtype == op.dtypes[0] and not is_border(case))


def _is_simple(op: Op, case: Case) -> bool:
    """Whether a case has the first edge shape, in contiguous inputs."""
    return case.shape == next(iter(op.edge or op.quick)) and case.layout == LAYOUTS[0]
