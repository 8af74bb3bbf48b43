"""How far the race can be trusted, how soon it is over, and what it costs; and what others do.

    python -m benchmarks.racing equal      two names for one function: what calls them different?
    python -m benchmarks.racing slowdown   a slowdown of known size: what finds the winner?
    python -m benchmarks.racing hits       how often is one of two equal blocks hit threefold?
    python -m benchmarks.racing sooner     patch pooling to ±1%: how long does it take?
    python -m benchmarks.racing overhead   what the race costs beside the calls it times

Everything that is compared runs in turn in one process, as times drift between processes. Leave the
machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

import opbench
from benchmarks.race_overhead import added_per_call, busy, start_up
from benchmarks.rivals import (
    Call,
    adaptive_autorange,
    blocked_autorange,
    pytest_benchmark,
)
from opbench.harness.execution.ready import Ready, make_ready, reference_of, settings
from opbench.harness.execution.worker import quiet_torch
from opbench.harness.planning.selection import Selection
from opbench.harness.timing import injected_slowdown, interleaving
from opbench.harness.timing.blocks import warmup_calls
from opbench.harness.timing.clock import HostClock
from opbench.harness.timing.stopping import Policy
from opbench.results.ranking.verdicts import HITS, Hit, Standing, looks, standings
from opbench.results.records import Rules


def main() -> None:
    """Run the experiment that is named and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("experiment", choices=sorted(_EXPERIMENTS))
    parser.add_argument("--races", type=int, help="how many, where an experiment repeats them")
    args = parser.parse_args()
    quiet_torch()
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    _EXPERIMENTS[args.experiment](args.races)


def equal(races: int | None) -> None:
    """Two names for one function, over six ops from tiny to large."""
    races = races or 200
    ops = list(workloads().items())
    took: dict[str, float] = {}
    wrong: dict[str, int] = dict.fromkeys(("opbench", *_RIVAL_GATES), 0)
    verdicts: dict[str, int] = {}
    by_op: dict[str, int] = {name: 0 for name, _ in ops}
    for number in range(races):
        name, call = ops[number % len(ops)]
        with clocked(took, "opbench"):
            stands = race({"one": call, "other": call})
        verdict = next(s.verdict for s in stands.values() if s.verdict != "best")
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        wrong["opbench"] += verdict == "slower"
        by_op[name] += verdict == "slower"
        for rival, measure in (("torch", blocked_autorange), ("pytest", pytest_benchmark)):
            with clocked(took, rival):
                one, other = measure(call), measure(call)
            for gate, (whose, bound) in _RIVAL_GATES.items():
                wrong[gate] += whose == rival and max(one, other) / min(one, other) > 1 + bound
    print(f"{races} races of equal contenders over {len(ops)} ops: called different")
    for gate, count in wrong.items():
        whose = _RIVAL_GATES.get(gate, (gate, 0.0))[0]
        print(f"  {gate:55} {count:4} ({count / races:.1%})  {took[whose] / races:.2f} s each")
    print(f"opbench's verdicts: {verdicts}; called different, by op: {by_op}")


_RIVAL_GATES = {
    "torch.utils.benchmark blocked_autorange, medians at 1%": ("torch", 0.01),
    "torch.utils.benchmark blocked_autorange, medians at 3%": ("torch", 0.03),
    "pytest-benchmark, medians at 1%": ("pytest", 0.01),
    "pytest-benchmark, medians at 3%": ("pytest", 0.03),
}


def hits(races: int | None) -> None:
    """How often one of two equal contenders takes so many times as long as the other in a round."""
    races = races or 5
    print(
        "rounds of equal contenders of which one took so many times as long: their share, and the"
    )
    assumed = ", ".join(f"{hit.times:g}x: {hit.chance:.4f}" for hit in HITS)
    print(f"most in a row by the same one; assumed of any round: {assumed}")
    for name, call in workloads().items():
        seen: list[tuple[float, ...]] = []
        for _ in range(races):
            policy = Policy(rules=Rules(tie=1e-9, precision=0.0), budget_s=2.0)
            one, other = (t.samples_s for t in measured({"a": call, "b": call}, policy).values())
            seen += [
                tuple(s / f for s, f in zip(*both, strict=True))
                for both in ((one, other), (other, one))
            ]
        found = ", ".join(_hit_by(hit, seen) for hit in HITS)
        print(f"  {name:36} {found}; {sum(map(len, seen)) // 2} rounds")


def _hit_by(hit: Hit, seen: list[tuple[float, ...]]) -> str:
    """How often a race had such a hit at most, and how many in a row. seen: ratios by race."""
    shares, longest = [], 0
    for ratios in seen:
        were_hit = [ratio > hit.times for ratio in ratios]
        shares.append(sum(were_hit) / len(were_hit))
        runs = (len(list(same)) for was_hit, same in itertools.groupby(were_hit) if was_hit)
        longest = max([longest, *runs])
    return f"{hit.times:g}x: {max(shares):.4f}, {longest}"


def slowdown(races: int | None) -> None:
    """A calibrated spin inside of one of two calls that are otherwise equal."""
    races = races or 60
    ops = {n: c for n, c in workloads().items() if n in ("add 64", "sum 64x64", "softmax 256x256")}
    print(f"{races} races for each slowdown, over {', '.join(ops)}: right verdict, and wall time")
    print("  slowdown     opbench: slower  undecided  wrong  wall    torch: medians right    wall")
    for share in (0.02, 0.03, 0.05, 0.10):
        tally = {"slower": 0, "undecided": 0, "tied": 0, "best": 0, "torch": 0}
        took: dict[str, float] = {}
        for number in range(races):
            call = list(ops.values())[number % len(ops)]
            pair = injected_slowdown.slowed({"base": call, "head": call}, share, HostClock())
            plain, slowed = pair["base"], pair["head"]
            with clocked(took, "torch"):
                tally["torch"] += blocked_autorange(slowed) > (1 + share / 2) * blocked_autorange(
                    plain
                )
            budget = 0.9 * took["torch"] / (number + 1)
            with clocked(took, "opbench"):
                stands = race({"plain": plain, "slowed": slowed}, Policy(budget_s=budget))
            tally[stands["slowed"].verdict] += 1
        wrong = tally["tied"] + tally["best"]
        print(
            f"  {share:8.0%} {tally['slower'] / races:19.1%} {tally['undecided'] / races:9.1%} "
            f"{wrong / races:8.1%} {took['opbench'] / races:6.2f} s "
            f"{tally['torch'] / races:17.1%} {took['torch'] / races:9.2f} s"
        )


def sooner(races: int | None) -> None:
    """Patch pooling with all its contenders, to a leaderboard at ±1%."""
    catalog = opbench.load()
    (case_race,) = opbench.plan(
        catalog, Selection(names=("patch_pooling",), expression="wide and text")
    )
    with settings(case_race.case):
        reference = reference_of(catalog, case_race.case)
        ready = {
            name: make_ready(reference, catalog.impl("patch_pooling", name))
            for name in case_race.contenders
        }
        calls = {n: item.call for n, item in ready.items() if isinstance(item, Ready)}
        print(f"patch_pooling, {case_race.case.sizes}, {len(calls)} contenders")
        for number in range(races or 3):
            print(f"  run {number + 1}")
            for precision in (1.0, 0.03):
                decide(calls, Rules(tie=0.01, precision=precision))
            time_each(calls, threshold=0.01)


def decide(calls: Mapping[str, Call], rules: Rules) -> None:
    """Race until everybody is known to be best, tied within 1%, or slower."""
    took: dict[str, float] = {}
    policy = Policy(rules=rules, budget_s=60.0)
    with clocked(took, "race"):
        timings = measured(calls, policy)
    stands = standings_of(timings, rules)
    best = next(n for n, s in stands.items() if s.verdict == "best")
    undecided = [n for n, s in stands.items() if s.verdict == "undecided"]
    near = {n: s.ratio.relative_width for n, s in stands.items() if s.ratio.low < 3}
    widest = max(near, key=lambda name: near[name])
    known = f", ratios below 3 to ±{rules.precision:.0%}" if rules.precision < 1 else ""
    print(
        f"    opbench, verdicts at a tie of 1%{known}: {took['race']:.1f} s; best {best}; "
        f"undecided: {', '.join(undecided) or 'none'}; widest interval ±{near[widest]:.1%} "
        f"({widest})"
    )
    print(f"      {spent_on(timings, policy)}")


def spent_on(timings: Mapping[str, interleaving.Timing], policy: Policy) -> str:
    """What the rounds of a race took: until a verdict is possible, and in calls that count."""
    first = next(looks(len(timings), policy.rules))
    early_s = all_s = counted_s = 0.0
    for timing in timings.values():
        lead = warmup_calls(statistics.median(timing.samples_s), policy) / timing.calls
        for number, sample in zip(timing.rounds, timing.samples_s, strict=True):
            block_s = sample * timing.calls
            all_s, counted_s = all_s + block_s * (1 + lead), counted_s + block_s
            early_s += block_s * (1 + lead) if number < first else 0.0
    return (
        f"its rounds took {all_s:.1f} s: the first {first}, before which nobody is decided but by "
        f"gross differences, {early_s:.1f} s; calls that are timed {counted_s:.1f} s"
    )


def time_each(calls: Mapping[str, Call], *, threshold: float) -> None:
    """Time one after another until the interquartile range is below that share of the median."""
    took: dict[str, float] = {}
    with clocked(took, "each"):
        measurements = {
            name: adaptive_autorange(call, threshold=threshold) for name, call in calls.items()
        }
    best = min(measurements, key=lambda name: float(measurements[name].median))
    reached = sum(m.meets_confidence(threshold) for m in measurements.values())
    print(
        f"    adaptive_autorange({threshold}) of each: {took['each']:.1f} s; best {best}; "
        f"{reached} of {len(measurements)} reached it within its 10 s"
    )


def overhead(races: int | None) -> None:
    """The share of the time that is timed calls, the cost of a timed call, and the start-up."""
    print("share of a race's wall time that is spent inside timed calls, of two contenders")
    for seconds in (10e-6, 1e-3, 100e-3):
        call = busy(seconds)
        start = time.perf_counter()
        timings = measured(
            {"one": call, "other": call}, Policy(rules=Rules(tie=1e-9), budget_s=3.0)
        )
        wall = time.perf_counter() - start
        inside = sum(sum(t.samples_s) * t.calls for t in timings.values())
        print(f"  calls of {seconds * 1e6:9.0f} µs: {inside / wall:.1%} of {wall:.2f} s")
    for seconds in (10e-6, 1e-3, 100e-3):
        calls = max(1, round(Policy().block_s / seconds))
        added = added_per_call(calls)
        print(
            f"  cost added to each call of {seconds * 1e6:9.0f} µs, in blocks of {calls}: "
            f"{added * 1e9:.1f} ns, {added / seconds:.4%}"
        )
    start_up(races or 5)


def race(calls: Mapping[str, Call], policy: Policy | None = None) -> dict[str, Standing]:
    """How the contenders stand at the end of a race."""
    policy = policy or Policy()
    return standings_of(measured(calls, policy), policy.rules)


def standings_of(timings: Mapping[str, interleaving.Timing], rules: Rules) -> dict[str, Standing]:
    """How contenders stand by their timings."""
    samples = {n: dict(zip(t.rounds, t.samples_s, strict=True)) for n, t in timings.items()}
    return standings(samples, rules)


def measured(calls: Mapping[str, Call], policy: Policy) -> dict[str, interleaving.Timing]:
    """The timings of a race in which nobody may fail."""
    timings = interleaving.measure(calls, clock=HostClock(), policy=policy, seed=time.time_ns())
    return {name: t for name, t in timings.items() if isinstance(t, interleaving.Timing)}


def workloads() -> dict[str, Call]:
    """Six ops from tiny to large."""
    small, square = torch.randn(64), torch.randn(64, 64)
    softmax, product, large = torch.randn(256, 256), torch.randn(384, 384), torch.randn(8 << 20)
    tokens = torch.randn(8, 1024, 512)
    lengths = torch.full((8, 256), 4)
    pooling = opbench.load().impl("patch_pooling", "index_add").function
    return {
        "add 64": lambda: small + small,
        "sum 64x64": lambda: square.sum(1),
        "softmax 256x256": lambda: softmax.softmax(1),
        "mm 384": lambda: product @ product,
        "patch_pooling index_add 8x1024x512": lambda: pooling(tokens, lengths),
        "neg 32 MiB": lambda: -large,
    }


@contextmanager
def clocked(took: dict[str, float], name: str) -> Iterator[None]:
    """Add the wall time of the block to `took`."""
    start = time.perf_counter()
    yield
    took[name] = took.get(name, 0.0) + time.perf_counter() - start


_EXPERIMENTS: Mapping[str, Callable[[int | None], None]] = {
    "equal": equal,
    "hits": hits,
    "overhead": overhead,
    "slowdown": slowdown,
    "sooner": sooner,
}

if __name__ == "__main__":
    main()
