"""How often `opbench explain` names the cause of a difference that is known.

    python -m benchmarks.causes [--ways first,second,same,real] [--pairs NAME,…] [--json FILE]

Planted pairs, benchmarks/planted, differ by one known thing, each written in two ways; the second
was written when the rules were done. Pairs without a difference should have no cause named. Real
pairs are of the catalogue: of these only how much of the difference is explained is counted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from opbench.harness.catalog import Catalog, load
from opbench.harness.execution.process import Limits
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.pipeline.explain import POLICY, explain
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Selection
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Explanation, RunInfo
from opbench.results.records.run_folder import RunFolder, create
from opbench.results.statistics.intervals import median

#: The modules of each way.
MODULES = {
    "first": ("first", "first_memory", "first_compiled"),
    "second": ("second", "second_memory", "second_compiled"),
    "same": ("same",),
    "real": (),
}
#: Pairs of the catalogue: op, two contenders, and what picks the case.
REAL = (
    ("patch_pooling", "einsum", "scatter_add", "blt"),
    ("patch_pooling", "loop", "index_add", "blt"),
    ("batched_softmax", "naive", "torch", "llama2"),
    ("batched_softmax", "naive", "compile", "llama2"),
    ("topk_gating", "sort", "topk", "base"),
    ("conv2d", "unfold_matmul", "torch", "block_3x3"),
    ("max_pool2d", "unfold_max", "torch", "stem"),
    ("boundary_downsample", "loop", "index_add", "base"),
    ("gather_2d", "one_hot_bmm", "gather", "labels"),
    ("sliding_windows", "gather", "unfold", "base"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was said of a pair."""

    way: str
    pair: str
    #: The cause that was planted; "" of pairs without one.
    planted: str
    difference: str = ""
    ratio: float = 0.0
    #: Kinds of causes and their shares, in order.
    causes: tuple[tuple[str, float], ...] = ()
    unexplained: float = 1.0
    seconds: float
    #: Why there is no explanation; "" where there is.
    fault: str = ""

    @property
    def place(self) -> int:
        """The place of the planted cause among those named, from 1; 0 where it isn't named."""
        kinds = [kind for kind, share in self.causes if share > 0]
        return kinds.index(self.planted) + 1 if self.planted in kinds else 0


def main() -> None:
    """Explain the pairs, print what was said of each, and the score."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ways", default="first,second,same,real", help="by commas")
    parser.add_argument("--pairs", default="", help="only these, by commas")
    parser.add_argument("--threads", type=int, default=0, help="default: every core")
    parser.add_argument(
        "--budget", type=float, default=POLICY.budget_s, help="seconds of each race, at most"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the runs, with all evidence")
    parser.add_argument("--json", type=Path, help="where what was said is written")
    args = parser.parse_args()
    outcomes: list[Outcome] = []
    for way in args.ways.split(","):
        only = args.pairs.split(",") if args.pairs else []
        for outcome in explained(way, only, args):
            outcomes.append(outcome)
            print(line_of(outcome), flush=True)
    for way in args.ways.split(","):
        print(score([outcome for outcome in outcomes if outcome.way == way]))
    if args.json:
        args.json.write_text(json.dumps([asdict(one) for one in outcomes], indent=1), "utf-8")


def explained(way: str, only: Sequence[str], args: argparse.Namespace) -> Iterator[Outcome]:
    """What is said of each pair of a way."""
    modules = tuple(f"benchmarks.planted.{name}" for name in MODULES[way])
    catalog = load(*modules, entry_points=way == "real")
    pairs = [
        pair
        for pair in (REAL if way == "real" else planted(catalog))
        if not only or pair[0] in only
    ]
    with (
        Supervisor(modules, limits=Limits(timeout_s=120.0)) as supervisor,
        tempfile.TemporaryDirectory() as place,
    ):
        environment = supervisor.environment()
        print(f"{way}: on {dict(environment.stable).get('cpu')}", flush=True)
        info = RunInfo(
            id=f"causes-{way}-{time.time_ns()}", created="", command=(), environment=environment
        )
        folder = create(args.keep or Path(place), info)
        policy = replace(POLICY, budget_s=args.budget)
        for pair in pairs:
            yield outcome_of(way, pair, catalog, supervisor, folder, (args.threads, policy))


def planted(catalog: Catalog) -> list[tuple[str, str, str, str]]:
    """The pairs of loaded modules."""
    return [(op, "slow", "fast", "") for op in catalog.ops if "slow" in catalog.impls[op]]


def outcome_of(
    way: str,
    pair: tuple[str, str, str, str],
    catalog: Catalog,
    supervisor: Supervisor,
    folder: RunFolder,
    how: tuple[int, Policy],
) -> Outcome:
    """What is said of a pair; how: with so many threads, raced so."""
    threads, policy = how
    op, one, other, expression = pair
    names, cause = (one, other), op[:-2].replace("_", " ") if way in ("first", "second") else ""
    selection = Selection(names=(op,), impls=names, expression=expression, threads=threads)
    race = next(r for r in plan(catalog, selection) if set(r.contenders) >= set(names))
    start = time.monotonic()
    result = explain(catalog, race.only(names), folder, supervisor=supervisor, policy=policy)
    seconds = time.monotonic() - start
    name = op if way != "real" else " ".join(filter(None, (op, one, other, race.case.shape)))
    if not isinstance(result, Explanation):
        fault = "; ".join(str(getattr(r.outcome, "reason", "")) for r in result)
        fault = fault.strip("; ")
        return Outcome(way=way, pair=name, planted=cause, seconds=seconds, fault=fault)
    causes = tuple((c.kind, c.share) for c in result.causes)
    # That the slower one is the one that is meant to be is part of the answer.
    known = () if cause and result.slower.contender != "slow" else causes
    return Outcome(
        way=way,
        pair=name,
        planted=cause,
        difference=result.difference,
        ratio=result.ratio,
        causes=known,
        unexplained=result.unexplained,
        seconds=seconds,
    )


def line_of(outcome: Outcome) -> str:
    """A pair in a line."""
    if outcome.fault:
        return f"{outcome.way:6} {outcome.pair:28} not explained: {outcome.fault[:120]}"
    causes = ", ".join(f"{kind} {share:.0%}" for kind, share in outcome.causes) or "none"
    place = f"#{outcome.place}" if outcome.planted else "  "
    return (
        f"{outcome.way:6} {outcome.pair:28} {outcome.difference:9} {outcome.ratio:6.2f} {place} "
        f"{causes}; unexplained {outcome.unexplained:.0%}; {outcome.seconds:.1f} s"
    )


def score(outcomes: Sequence[Outcome]) -> str:
    """The figures of a way."""
    if not outcomes:
        return "no pairs"
    way, total = outcomes[0].way, len(outcomes)
    taken = f"{median([one.seconds for one in outcomes]):.1f} s in the middle"
    slower = [one for one in outcomes if one.difference == "slower"]
    if way == "same":
        named = sum(bool(one.causes) for one in outcomes)
        return f"same: a cause named for {named} of {total} without a difference; {taken}"
    whole = median([1 - abs(one.unexplained) for one in slower]) if slower else 0.0
    vague = [1 - abs(o.unexplained) - dict(o.causes).get("operator", 0.0) for o in slower]
    reasons = median(vague) if slower else 0.0
    found = [one.place for one in outcomes]
    named_text = (
        f"cause first for {found.count(1)} of {total}, in the first three for "
        f"{sum(0 < place <= 3 for place in found)}; "
        if way != "real"
        else ""
    )
    return (
        f"{way}: {named_text}explained {whole:.0%} in the middle of {len(slower)}, {reasons:.0%} "
        f"without what is only located; {taken}"
    )


if __name__ == "__main__":
    main()
