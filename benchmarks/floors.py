"""How the C++ contenders stand against torch's best and against the least that any op must do.

    python -m benchmarks.floors [OP ...] [--budget SECONDS] [-k EXPRESSION]

For every case of the quick grid with a contender `cpp`, forward and backward, three are raced in
one process, in turn: `cpp`; the best contender made of torch ops, eager or compiled, which a
shorter race finds; and the floor, a loop that reads as many bytes as the op must read, and writes
as many as it must to a fresh result, on as many threads (`floor.cpp`). Of each case are printed the
time of torch's best over that of `cpp`, and the share of the floor that `cpp` reaches: the time of
the floor over its own. A share above 1 is that of a kernel whose inputs lie in a nearer cache than
the loop's, or which writes past the caches.

Results aren't checked here; `opbench check` does that.
"""

from __future__ import annotations

import argparse
import functools
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

import opbench
from benchmarks.pooling_kernels import CUSTOM, everybody, raced, ratio
from opbench.harness.catalog import Catalog
from opbench.harness.correctness.costs import cost_of
from opbench.harness.execution.ready import settings
from opbench.harness.execution.worker import quiet_torch
from opbench.harness.outcomes import catch
from opbench.harness.planning.selection import Race, Selection
from opbench.harness.preparation import inputs, timed_call
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple, function_in_mode
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.harness.timing import interleaving
from opbench.harness.timing.blocks import Call
from opbench.harness.timing.clock import HostClock
from opbench.harness.timing.stopping import Policy
from opbench.impls.kernels import cpp_ops
from opbench.impls.kernels.cpp_ops import Kernel
from opbench.results.statistics.intervals import median

#: The shape that is a call and little else.
TINY = "tiny"


@dataclass(frozen=True, slots=True)
class Compared:
    """The kernel beside torch's best and the floor, on one case."""

    shape: str
    #: Torch's time over the kernel's, and the floor's over the kernel's.
    gain: float
    share: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ops", nargs="*", help="all where none is given")
    parser.add_argument("--budget", type=float, default=0.5, help="seconds per case")
    parser.add_argument("-k", dest="expression", default="", help="as of `opbench run`")
    args = parser.parse_args()
    quiet_torch()
    catalog = opbench.load()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{'case':52} {'torch over cpp':>18} {'floor over cpp':>18}  best of torch")
    selection = Selection(
        names=tuple(args.ops),
        expression=args.expression,
        directions=("forward", "backward"),
    )
    found = []
    for race in opbench.plan(catalog, selection):
        if "cpp" in race.contenders:
            with settings(race.case):
                found += compared(catalog, race, args.budget)
    summarise(found)


def compared(catalog: Catalog, race: Race, budget: float) -> list[Compared]:
    """Race the kernel, torch's best and the floor; none where a case has no two of them."""
    case, op = race.case, catalog.op(race.case.op)
    given = catch("inputs", partial(inputs.build, op, case))
    if not isinstance(given, Inputs):
        return []
    calls = {name: call for name in race.contenders for call in called(catalog, race, name, given)}
    of_torch = {name: call for name, call in calls.items() if name not in CUSTOM}
    must = cost_of(op, case, given).bytes
    if "cpp" not in calls or not of_torch or not must:
        return []
    best = quickest(of_torch, budget / 2)
    written = sum(tensor.nbytes for tensor in as_tuple(calls["cpp"]()) if tensor is not None)
    entered = {"cpp": calls["cpp"], best: of_torch[best], "floor": floor(must, written)}
    timings = raced(entered, everybody(budget))
    shown = f"{ratio(timings, best, 'cpp'):>18} {ratio(timings, 'floor', 'cpp'):>18}  {best}"
    print(f"{case.op} {case.board} {case.direction} {case.shape}".ljust(52), shown, flush=True)
    gain, share = (
        median(timings[one].samples_s) / median(timings["cpp"].samples_s) for one in (best, "floor")
    )
    return [Compared(case.shape, gain, share)]


def called(catalog: Catalog, race: Race, name: str, given: Inputs) -> Iterator[Call]:
    """The call of a contender, unless it doesn't run on the case: one or none."""
    case, op = race.case, catalog.op(race.case.op)
    contender = catalog.impl(op.name, name)

    def prepared() -> Call:
        ensure_supported(op, contender, given.values, case)
        function = function_in_mode(op, contender, resolve(contender), case.board)
        outputs = as_tuple(function(*given.args, **given.options))
        upstream = tuple(torch.randn_like(t) if t.is_floating_point() else t for t in outputs)
        bound = timed_call.bind(
            function, given, direction=case.direction, grad=op.grad, upstream=upstream
        )
        bound.call()
        return bound.call

    call = catch("prepare", prepared)
    if callable(call):
        yield call


def quickest(calls: Mapping[str, Call], budget: float) -> str:
    """The contender with the smallest median in a race that slow ones leave."""
    if len(calls) == 1:
        return next(iter(calls))
    timings = interleaving.measure(calls, clock=HostClock(), policy=Policy(budget_s=budget))
    times = {
        name: median(timing.samples_s)
        for name, timing in timings.items()
        if isinstance(timing, interleaving.Timing)
    }
    return min(times, key=lambda name: times[name])


def floor(moved: int, written: int) -> Call:
    """The call of a loop that moves so many bytes in all, of which it writes so many."""
    source = torch.zeros(max(moved - written, 0) // 8, dtype=torch.int64)
    return partial(_traffic(), source, written // 8)


@functools.cache
def _traffic() -> Callable[..., object]:
    kernel = Kernel(lambda source, count: source.new_empty(count))
    loop: Callable[..., object] = cpp_ops.load(
        Path(__file__).with_name("floor.cpp"), {"traffic": kernel}
    ).quick.traffic
    return loop


def summarise(found: list[Compared]) -> None:
    """Print the means, and how many cases stand where."""
    if not found:
        raise SystemExit("no case has a kernel, a contender of torch ops, and bytes to move")
    larger = [item for item in found if item.shape != TINY]
    print(f"\n{len(found)} cases, {len(larger)} of them not tiny")
    for name, of in (("all", found), ("not tiny", larger)):
        if of:
            mean = statistics.geometric_mean(item.gain for item in of)
            share = statistics.geometric_mean(item.share for item in of)
            print(f"{name:9} torch's best over cpp {mean:.2f}, floor over cpp {share:.2f}")
    behind = sum(item.gain < 1 for item in larger)
    print(
        f"not tiny and below torch's best: {behind}; of them at 0.9 of the floor or above: ", end=""
    )
    print(sum(item.gain < 1 and item.share >= 0.9 for item in larger))


if __name__ == "__main__":
    main()
