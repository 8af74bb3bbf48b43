"""What a call of a dispatcher adds to the contender that it runs, beside other ways to dispatch.

Two tensors, contenders that do nothing, and a table of two sizes of regions: all that is timed is
the way there. Ways are timed in turn, in an order drawn anew each round, and compared with the
direct call of the same round.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

import opbench
from benchmarks.in_turn import added, timed_in_turn
from opbench import Catalog, Cost, Op, impl
from opbench.harness.choosing.call_axes import call_axes
from opbench.harness.choosing.contract import contract_fingerprint
from opbench.harness.machine.environment import describe
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.choosing.rules import Leaf, Split
from opbench.results.choosing.situations import Situation
from opbench.results.choosing.table import Section, Table
from opbench.results.statistics.intervals import median

Call = Callable[[Tensor, Tensor], Any]


def _nothing(x: Tensor, y: Tensor) -> None:
    """Nothing of x[B, S, D] and y[B, P]."""


nothing = Op(
    name="nothing",
    oracle=_nothing,
    axes={"B": "sequences", "S": "tokens", "D": "width", "P": "patches"},
    inputs={"zeros": lambda B, S, D, P: {"x": torch.zeros(B, S, D), "y": torch.zeros(B, P)}},
    quick={"small": {"B": 2, "S": 8, "D": 4, "P": 3}},
    cost=lambda B: Cost(0, 0),
    grad=("x",),
)


@impl("nothing")
def one(x: Tensor, y: Tensor) -> None:
    """Does nothing."""


@impl("nothing")
def other(x: Tensor, y: Tensor) -> None:
    """Does nothing either."""


def _dispatcher(sizes: tuple[str, ...]) -> Call:
    """The dispatcher of a table that splits by these sizes, one after the other."""
    catalog = opbench.load(sys.modules[__name__], entry_points=False)
    return opbench.dispatch("nothing", _table(catalog, sizes), catalog=catalog)


def _table(catalog: Catalog, sizes: tuple[str, ...]) -> Table:
    """A table of one situation."""
    rule: Leaf | Split = Leaf("one")
    for number, size in enumerate(reversed(sizes)):
        rule = Split(size, 10_000_000.0, rule, Leaf(("other", "one")[number % 2]))
    situation = Situation(
        op="nothing",
        dtype="float32",
        device="cpu",
        direction="forward",
        inputs="zeros",
        threads=torch.get_num_threads(),
        layout="contiguous",
        cache="warm",
        board="compute",
    )
    bounds = {axis: (1.0, 10_000.0) for axis in nothing.axes}
    axes, impls = call_axes(nothing), catalog.impls["nothing"]
    return Table(
        op="nothing",
        contract=contract_fingerprint(nothing),
        environment=describe(),
        reads=axes.reads,
        tensor=axes.tensor,
        contenders={name: fingerprint(contender) for name, contender in impls.items()},
        sections=(Section(situation=situation, rule=rule, fallback="one", bounds=bounds),),
    )


def _by_type() -> Call:
    @functools.singledispatch
    def by_type(x: object, y: Tensor) -> None:
        raise TypeError

    by_type.register(Tensor)(one)
    return by_type


def _custom_op() -> Call:
    made: Any = torch.library.custom_op("opbench_bench::nothing", mutates_args=())(_nothing)

    def custom(x: Tensor, y: Tensor) -> None:
        made(x, y)

    return custom


def _by_shapes(x: Tensor, y: Tensor) -> Call:
    known = {(x.shape, x.dtype, y.shape): one}

    def by_shapes(x: Tensor, y: Tensor) -> None:
        known[x.shape, x.dtype, y.shape](x, y)

    return by_shapes


def _by_all(x: Tensor, y: Tensor) -> Call:
    def key(x: Tensor, y: Tensor) -> tuple[object, ...]:
        needs = torch.is_grad_enabled() and x.requires_grad
        return (x.shape, x.dtype, x.device, y.shape, needs, torch.get_num_threads())

    known = {key(x, y): one}

    def by_all(x: Tensor, y: Tensor) -> None:
        known[key(x, y)](x, y)

    return by_all


def ways(x: Tensor, y: Tensor) -> dict[str, Call]:
    """The ways to get to a contender, by name."""
    return {
        "direct call": one,
        "opbench.dispatch, one region": _dispatcher(()),
        "opbench.dispatch, four regions": _dispatcher(("B*S*D", "S*D", "P")),
        "functools.singledispatch": _by_type(),
        "dictionary by shapes and dtype": _by_shapes(x, y),
        "dictionary by all that dispatch looks at": _by_all(x, y),
        "torch.library.custom_op": _custom_op(),
    }


def main() -> None:
    """Print what each way adds to the direct call, and as multiples of the dispatcher's."""
    x, y = torch.zeros(4, 128, 64), torch.zeros(4, 16)
    calls = {name: partial(call, x, y) for name, call in ways(x, y).items()}
    times = timed_in_turn(calls)
    direct = times["direct call"]
    ours = _added_s(times["opbench.dispatch, four regions"], direct)
    print(f"{'':44}  added, µs, 99% interval   of dispatch's")
    for name, of in times.items():
        print(f"{name:44}  {added(of, direct):24}  {_added_s(of, direct) / ours:5.2f}x")
    print(f"direct call: {median(direct) * 1e6:.3f} µs; {torch.get_num_threads()} threads")


def _added_s(times: Sequence[float], direct: Sequence[float]) -> float:
    """The median of what a way adds to the direct call of the same round, in seconds."""
    return median([one - other for one, other in zip(times, direct, strict=True)])


if __name__ == "__main__":
    main()
