"""Whether a size that was chosen by rule can be checked: the op takes it, and its oracle is quick.

Nobody declared these sizes. An op may not take them, the loops of its oracle may take minutes, and
what it makes may fill the memory: all of that is found out by counting, in the first call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from opbench.harness.correctness.costs import cost_of
from opbench.harness.correctness.rounding import QuietMode
from opbench.harness.declare import Cost, Op
from opbench.harness.preparation import inputs
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import op_in_mode
from opbench.results.errors import OpFaultError, UnsupportedError
from opbench.results.records import Case

#: The most operations of an oracle, and elements of a tensor.
MOST_OPERATIONS = 5000
MOST_ELEMENTS = 2**23


class _Counted(QuietMode):
    """Within it, UnsupportedError is raised where too much is done."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result of one operation, if it is none too many and makes nothing too large."""
        self._operations += 1
        if self._operations > MOST_OPERATIONS:
            raise UnsupportedError(f"the oracle does more than {MOST_OPERATIONS} operations")
        if not func.is_view and _elements_made(func, args) > MOST_ELEMENTS:
            raise UnsupportedError(f"a tensor has more than {MOST_ELEMENTS} elements")
        return func(*args, **(kwargs or {}))


def _elements_made(func: Any, args: tuple[Any, ...]) -> int:
    """How many elements an operation makes at most, as far as its arguments tell.

    These may be expanded.
    """
    shapes = [tuple(value.shape) for value in args if isinstance(value, Tensor)]
    if args and func._schema.arguments[0].name == "size":
        shapes.append(tuple(args[0]))
    # Broadcasting makes no more than this; what it makes exactly takes long to find out.
    most = math.prod(max(1, math.prod(shape)) for shape in shapes)
    if most <= MOST_ELEMENTS:
        return most
    with suppress(RuntimeError):  # they don't go together
        shapes.append(tuple(torch.broadcast_shapes(*shapes)))  # type: ignore[no-untyped-call]
    return max(map(math.prod, shapes), default=0)


def _ensure_within(cost: Cost, most: Cost) -> None:
    """Raise UnsupportedError where a call takes more work than the most that is done."""
    if cost.flops > most.flops or cost.bytes > most.bytes:
        raise UnsupportedError(f"too much work: {cost.flops:.1e} FLOP, {cost.bytes:.1e} B")


@contextmanager
def affordable() -> Iterator[None]:
    """Within it, UnsupportedError is raised where too much is done, or the op refuses its inputs.

    Of declared shapes a refusal would be the op's own fault.
    """
    try:
        with _Counted():
            yield
    except OpFaultError as error:
        raise UnsupportedError(f"the op doesn't take them: {error}") from error


def affordable_inputs(op: Op, case: Case, *, most: Cost) -> Inputs:
    """The inputs of a case, as `inputs.build` makes them, where they are affordable.

    most: compulsory work of a call. Raises UnsupportedError where a case is too much, or the op
    doesn't take its sizes.
    """
    op = op_in_mode(op, case.board)
    with affordable():
        given = inputs.build(op, case)
        _ensure_within(cost_of(op, case, given), most)
        inputs.ensure_valid(op, given, "validate")
    return given
