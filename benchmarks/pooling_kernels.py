"""How the C++ pooling kernels stand against torch's own ops and against the machine's copy rate.

    python -m benchmarks.pooling_kernels [--budget SECONDS]

All contenders of a comparison are raced in one process, interleaved, so that the ratios hold
whatever the machine was doing. Three figures for `patch_pooling`, float32:

forward   at (B=8, S=1024, D=512), P=256: the best contender made of torch ops over `cpp`
backward  the same for the backward pass
copy      out of cache, for a source of 1 GiB and patches of 4 and of 8 tokens: the bytes that `cpp`
          reads and writes per second over those that `destination.copy_(source)` does. The copy
          writes to memory that is there, the kernel to fresh pages, as every op does that returns
          so much; `source.clone()` shows what they cost

With GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4294967295:glibc.malloc.trim_threshold=17179869184
the allocator keeps its memory, and the pages are fresh no more.
"""

from __future__ import annotations

import argparse
import itertools

import torch

import opbench
from opbench.harness.execution.ready import Ready, make_ready, reference_of, settings
from opbench.harness.planning.selection import Selection
from opbench.harness.preparation.resolve import resolve
from opbench.harness.timing import interleaving
from opbench.harness.timing.blocks import Call
from opbench.harness.timing.clock import HostClock
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Direction, Rules
from opbench.results.statistics.intervals import median, paired_log_ratios, ratio_interval

#: Names of contenders that are not made of torch ops.
CUSTOM = {"cpp", "triton"}
OUT_OF_CACHE = {"B": 8, "S": 32768, "D": 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=20.0, help="seconds per comparison")
    budget = parser.parse_args().budget
    catalog = opbench.load()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    directions: tuple[Direction, ...] = ("forward", "backward")
    for direction in directions:
        against_torch(catalog, direction, budget)
    floor(catalog, budget)
    for mean_length in (4, 8):
        against_copy(catalog, budget, mean_length=mean_length)


def against_torch(catalog: opbench.Catalog, direction: Direction, budget: float) -> None:
    """Race every contender on the wide shape and print what the best of torch's ops takes."""
    selection = Selection(
        names=("patch_pooling",), expression="wide and text", directions=(direction,)
    )
    (race,) = opbench.plan(catalog, selection)
    with settings(race.case):
        reference = reference_of(catalog, race.case)
        ready = {
            name: make_ready(reference, catalog.impl("patch_pooling", name))
            for name in race.contenders
        }
        calls = {n: item.call for n, item in ready.items() if isinstance(item, Ready)}
        timings = raced(calls, Policy(budget_s=budget))
    times = {name: median(timing.samples_s) for name, timing in timings.items()}
    best = min(set(times) - CUSTOM, key=lambda name: times[name])
    print(f"\n{direction}, {race.case.sizes}:")
    for name, seconds in sorted(times.items(), key=lambda item: item[1]):
        print(f"  {name:22} {seconds * 1e3:9.3f} ms")
    print(f"  best of torch ({best}) over cpp: {ratio(timings, best, 'cpp')}")


def floor(catalog: opbench.Catalog, budget: float) -> None:
    """What the machine takes for the traffic alone, beside the kernel, in one race."""
    tokens = torch.randn(8, 1024, 512)
    lengths = torch.full((8, 256), 4)
    means, warm = tokens.new_empty(8, 256, 512), torch.empty_like(tokens)
    cold = itertools.cycle([torch.empty_like(tokens) for _ in range(32)])
    kernel = resolve(catalog.impl("patch_pooling", "cpp"))
    calls: dict[str, Call] = {
        "cpp": lambda: kernel(tokens, lengths),
        "sum of the tokens": lambda: tokens.sum(),
        "copy of the tokens": lambda: warm.copy_(tokens),
        "fill of the means": lambda: means.fill_(1.0),
        "fill in cache": lambda: warm.fill_(1.0),
        "fill out of cache": lambda: next(cold).fill_(1.0),
    }
    print("\nfloor, B=8 S=1024 D=512 P=256, patches of 4:")
    for name, timing in raced(calls, everybody(budget)).items():
        print(f"  {name:22} {median(timing.samples_s) * 1e3:9.3f} ms")


def against_copy(catalog: opbench.Catalog, budget: float, *, mean_length: int) -> None:
    """Race the kernel against copies of its source, all far larger than any cache."""
    b, s, d = OUT_OF_CACHE.values()
    p = s // mean_length
    tokens = torch.randn(b, s, d)
    lengths = torch.full((b, p), mean_length)
    target = torch.empty_like(tokens)
    kernel = resolve(catalog.impl("patch_pooling", "cpp"))
    calls = {
        "cpp": lambda: kernel(tokens, lengths),
        "copy_": lambda: target.copy_(tokens),
        "clone": lambda: tokens.clone(),
    }
    # Nobody leaves: what is wanted are rates, not a winner.
    timings = raced(calls, everybody(budget))
    moved = {"cpp": 4 * (b * s * d + b * p * d), "copy_": 8 * b * s * d, "clone": 8 * b * s * d}
    rates = {name: moved[name] / median(timings[name].samples_s) / 1e9 for name in calls}
    print(f"\nout of cache, B={b} S={s} D={d} P={p}:")
    for name, rate in rates.items():
        print(f"  {name:22} {rate:9.1f} GB/s  {rate / rates['copy_']:.2f} of copy_")


def everybody(budget: float) -> Policy:
    """A policy by which nobody leaves the race before its end."""
    return Policy(rules=Rules(tie=0.0, precision=0.0), budget_s=budget, futile_ratio=float("inf"))


def raced(calls: dict[str, Call], policy: Policy) -> dict[str, interleaving.Timing]:
    """The timings of a race in which nobody may fail."""
    timings = interleaving.measure(calls, clock=HostClock(), policy=policy)
    failed = {name: t for name, t in timings.items() if not isinstance(t, interleaving.Timing)}
    if failed:
        raise SystemExit(f"not measured: {failed}")
    return {name: t for name, t in timings.items() if isinstance(t, interleaving.Timing)}


def ratio(timings: dict[str, interleaving.Timing], slower: str, faster: str) -> str:
    """The paired ratio of two contenders with its 99% interval."""
    one, other = timings[slower], timings[faster]
    pairs = (dict(zip(t.rounds, t.samples_s, strict=True)) for t in (one, other))
    interval = ratio_interval(paired_log_ratios(*pairs), error=0.01)
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


if __name__ == "__main__":
    main()
