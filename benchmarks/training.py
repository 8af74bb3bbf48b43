"""Steps a second of the byte model of docs/training.md, before and after choosing, in one run.

    python -m benchmarks.training TABLES [TEXT ...] [--rounds 60] [--steps 3]

TABLES is a folder with OP.json of `opbench choose -o` for each of the model's ops. The ways to run
these train in turn, a block of steps each and in an order drawn anew each round, from the same
weights and on the same pieces of the text (README.md and docs/*.md), and are compared with the
tables' in the same round. All of them are to lose the same.
"""

from __future__ import annotations

import argparse
import random
import runpy
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

import opbench
from opbench.harness.preparation.resolve import resolve
from opbench.results.choosing.table_file import read_table
from opbench.results.statistics.intervals import median, paired_log_ratios, ratio_interval

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "byte_model.py"
#: What runs by tables, with which the others are compared.
CHOSEN = "the tables'"
#: The chance that an interval misses.
ERROR = 0.01


def ways(first: Mapping[str, Any], tables: Path) -> dict[str, Mapping[str, Any]]:
    """The functions that the model may run, by what they are called.

    first: those that it ran first, by op; all of these have a table.
    """
    catalog = opbench.load()
    single = {op: read_table(tables / f"{op}.json").fallback for op in first}
    found = {
        "as first written": first,
        "loops": _contenders(catalog, dict.fromkeys(first, "loop")),
        "one contender for each op": _contenders(catalog, single),
    }
    return found | {CHOSEN: {op: opbench.dispatch(op, tables / f"{op}.json") for op in first}}


def _contenders(catalog: opbench.Catalog, names: Mapping[str, str]) -> dict[str, Any]:
    """By op, the function of a contender."""
    return {op: resolve(catalog.impl(op, name)) for op, name in names.items()}


def trained(
    trainings: Mapping[str, Iterator[float]], rounds: int, steps: int
) -> tuple[dict[str, dict[int, float]], float]:
    """Seconds per step by way and round, and how far losses of a step are apart, at the most."""
    rng = random.Random(0)
    times: dict[str, dict[int, float]] = {name: {} for name in trainings}
    apart = 0.0
    for number in range(rounds + 1):
        losses = {}
        for name in rng.sample(list(trainings), len(trainings)):
            begun = time.perf_counter()
            losses[name] = [next(trainings[name]) for _ in range(steps)]
            times[name][number] = (time.perf_counter() - begun) / steps
        for alike in zip(*losses.values(), strict=True):
            apart = max(apart, (max(alike) - min(alike)) / min(alike))
    for of in times.values():
        del of[0]  # what is set up, compiled and allocated the first time
    return times, apart


def main() -> None:
    """Train in all ways, and print steps a second and the ratios to the tables' way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", type=Path)
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    parser.add_argument("text", nargs="*", type=Path, default=pages)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--steps", type=int, default=3, help="of a block")
    args = parser.parse_args()
    torch.set_num_threads(1)
    text, program = b"".join(map(Path.read_bytes, args.text)), runpy.run_path(str(EXAMPLE))
    found = ways(program["FIRST"], args.tables)
    trainings = {name: program["steps"](ops, text) for name, ops in found.items()}
    times, apart = trained(trainings, args.rounds, args.steps)
    show(times, apart)


def show(times: Mapping[str, Mapping[int, float]], apart: float) -> None:
    """The table, and what was seen of the losses."""
    print(f"{'':26} steps a second  time over the tables'  {1 - ERROR:.0%} interval")
    for name, of in times.items():
        logs = paired_log_ratios(of, times[CHOSEN])
        ratio = ratio_interval(logs, error=ERROR)
        ends = f"[{ratio.low:.3f}, {ratio.high:.3f}]"
        print(f"{name:26} {1 / median(list(of.values())):14.2f}  {ratio.value:20.3f}x  {ends}")
    print(f"{len(times[CHOSEN])} rounds; losses of one step differ by {apart:.1e} of them at most")


if __name__ == "__main__":
    main()
