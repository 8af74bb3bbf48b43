"""The gradient that reaches boundaries by way of the pooling matrix: what it is, what it costs.

    python -m benchmarks.boundary_gradients [--budget SECONDS] [--threads N]

Prints the figures of docs/gradient-study.md: the jacobian of one short sequence, and three races,
all contenders of each interleaved in one process. In the race for the jacobian, "notebook" builds
the dense matrix anew for every row, as the analysis that the op comes from does.

Where other programs keep the cores busy, medians of long calls get longer than those of short ones.
The CPU time with --threads 1 is what then can be compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

import opbench
from benchmarks.pooling_kernels import everybody, raced, ratio
from opbench.harness.preparation.resolve import resolve
from opbench.results.statistics.intervals import median

MODULES = (
    "opbench.suites.boundaries",
    "opbench.suites.boundary_gradients",
    "opbench.impls.boundary_downsample",
    "opbench.impls.boundary_gradients",
    "opbench.impls.pooling_matrix",
)
MARKS = (0, 0, 1, 1, 0, 1, 0, 0, 0, 1)
WIDE = {"L": 512, "B": 8, "D": 512}
LENGTHS = (256, 1024, 4096)


def main() -> None:
    """Print the matrices, then the races."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=10.0, help="seconds per race")
    parser.add_argument("--threads", type=int, help="of torch; all cores by default")
    args = parser.parse_args()
    budget = args.budget
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    torch.set_printoptions(precision=4, linewidth=100)  # type: ignore[no-untyped-call]
    catalog = opbench.load(*MODULES, entry_points=False)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    matrices(catalog)
    jacobians(catalog, budget)
    products(catalog, budget)
    lengths(catalog, budget)


def matrices(catalog: opbench.Catalog) -> None:
    """Where the gradient of a token's entry goes, and that upsampling's goes nowhere."""
    marks = torch.tensor(MARKS, dtype=torch.float32)
    jacobian = catalog.call("pooling_matrix_jacobian", marks, impl="closed_form")
    scaled = catalog.call("pooling_matrix_jacobian", marks, impl="closed_form", scale=-2.0)
    print(f"\nboundaries {list(MARKS)}, the gradient of each token's entry:\n{jacobian}")
    print(f"with scale=-2, over it: {(scaled[jacobian != 0] / jacobian[jacobian != 0]).unique()}")
    print(f"largest gradient through upsampling's matrix: {upsampled(marks):.0e}")


def upsampled(marks: Tensor) -> float:
    """The largest gradient that a boundary gets from any element of upsampling's matrix."""

    def matrix(moved: Tensor) -> Tensor:
        distance = torch.arange(int(marks.sum()) + 1) - moved.cumsum(0).unsqueeze(1)
        weights = torch.where(distance == 0, 1 - distance, 0.0)
        return weights / weights.sum(1, keepdim=True)

    return float(torch.func.jacrev(matrix)(marks).abs().max())


def jacobians(catalog: opbench.Catalog, budget: float) -> None:
    """All contenders for the jacobian of one sequence, beside the notebook's way."""
    (marks,) = made(catalog, "pooling_matrix_jacobian", {"L": 512})
    calls = bound(catalog, "pooling_matrix_jacobian", (marks,))
    calls["notebook"] = lambda: notebook(marks)
    table(calls, budget, "the jacobian, L=512", than="closed_form")


def notebook(marks: Tensor) -> Tensor:
    """The jacobian by a dense matrix and a backward pass for every row."""
    rows = []
    for row in range(len(marks)):
        leaf = marks.clone().requires_grad_()
        distance = torch.arange(int(marks.sum())) - (leaf.cumsum(0) - leaf).unsqueeze(1)
        weights = torch.where(distance == 0, 1 - distance, 0.0)
        matrix = weights / (weights.sum(0, keepdim=True) + 1e-9)
        matrix[row].sum().backward()  # type: ignore[no-untyped-call]
        rows.append(leaf.grad if leaf.grad is not None else torch.zeros_like(leaf))
    return torch.stack(rows)


def products(catalog: opbench.Catalog, budget: float) -> None:
    """All contenders for what a training step needs, beside the pooling itself."""
    marks, hidden, grads = made(catalog, "boundary_vjp", WIDE)
    calls = bound(catalog, "boundary_vjp", (marks, hidden, grads))
    pool = resolve(catalog.impl("boundary_downsample", "cpp"))
    calls["boundary_downsample cpp"] = lambda: pool(marks, hidden, grads[:1, :1])
    table(calls, budget, f"the gradient of the boundaries, {WIDE}", than="cpp")


def lengths(catalog: opbench.Catalog, budget: float) -> None:
    """The dense matrix against the sums, for sequences of growing length."""
    for length in LENGTHS:
        axes = {"L": length, "B": 1, "D": 512}
        calls = bound(catalog, "boundary_vjp", made(catalog, "boundary_vjp", axes))
        kept = {name: calls[name] for name in ("autograd", "index_select", "cpp")}
        table(kept, budget / 2, f"the gradient of the boundaries, {axes}", than="cpp")


def made(catalog: opbench.Catalog, op: str, axes: dict[str, int]) -> tuple[Tensor, ...]:
    """The op's ordinary inputs: a boundary at one token of five."""
    drawn = catalog.ops[op].inputs["normal"](**axes, rng=torch.Generator().manual_seed(0))
    return tuple(drawn[name] for name in catalog.ops[op].arguments)


def bound(
    catalog: opbench.Catalog, op: str, given: tuple[Tensor, ...]
) -> dict[str, Callable[[], object]]:
    """A call of each contender of the op."""

    def call(name: str) -> Callable[[], object]:
        function = resolve(catalog.impl(op, name))
        return lambda: function(*given)

    return {name: call(name) for name in catalog.impls[op]}


def table(calls: dict[str, Callable[[], object]], budget: float, title: str, *, than: str) -> None:
    """Race the calls; print the times of each, and how many times that of `than` it takes."""
    timings = raced(calls, everybody(budget))
    spent = cpu_times(calls, budget)
    print(f"\n{title}:")
    for name, seconds in sorted(spent.items(), key=lambda item: item[1]):
        wall = median(timings[name].samples_s)
        print(
            f"  {name:24} {wall * 1e3:9.3f} ms, x {than} {ratio(timings, name, than):28} "
            f"CPU {seconds * 1e3:9.3f} ms, x {than} {seconds / spent[than]:.2f}"
        )


def cpu_times(calls: dict[str, Callable[[], object]], budget: float) -> dict[str, float]:
    """The least CPU time that a call was seen to take, in turns with the others."""
    least = dict.fromkeys(calls, float("inf"))
    end = time.perf_counter() + budget
    while time.perf_counter() < end or float("inf") in least.values():
        for name, call in calls.items():
            start = time.process_time()
            call()
            least[name] = min(least[name], time.process_time() - start)
    return least


if __name__ == "__main__":
    main()
