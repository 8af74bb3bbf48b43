"""How far the changes that `opbench history` reports can be trusted, and what anchors are good for.

    python -m benchmarks.history noise          series that never change: what reports a change?
    python -m benchmarks.history step           a step of 10%: how many runs until it is reported?
    python -m benchmarks.history anchors DIR    a folder of runs of one source: how much do times
                                                scatter, and how much do their ratios to anchors?

Rivals are other ways to use the same library, and, where `--otava` names the interpreter of an
environment that has it (its dependencies don't go with opbench's), apache-otava.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from ruptures import KernelCPD, Pelt

from opbench.results.records import Measured
from opbench.results.records.anchors import ANCHORS, anchor_times, nearest_anchor, without_anchors
from opbench.results.records.run_folder import runs_in
from opbench.results.statistics.change_points import MIN_CHANGE, SHORTEST, steps
from opbench.results.statistics.intervals import median

Series = list[float]
#: The places of the changes that are reported of each series.
Changes = list[list[int]]
_HISTORY = 30
#: The settings were chosen on the series of the seeds from 0 on: the figures are of others.
_SEED = 1_000_000
_STEP = 1.1
_OTAVA = f"""
import json, sys
from otava.analysis import compute_change_points
changes = []
for series in json.load(sys.stdin):
    points, _ = compute_change_points(
        series, window_len=50, max_pvalue=0.001, min_magnitude={MIN_CHANGE})
    changes.append([int(point.index) for point in points])
print(json.dumps(changes))
"""


def main() -> None:
    """Run the experiment that is named and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("experiment", choices=("noise", "step", "anchors"))
    parser.add_argument("runs", nargs="?", type=Path, help="a folder of runs, for anchors")
    parser.add_argument("--series", type=int, default=500, help="how many, of each kind")
    parser.add_argument("--otava", help="the interpreter of an environment that has apache-otava")
    args = parser.parse_args()
    if args.experiment == "anchors":
        if args.runs is None:
            parser.error("anchors needs a folder of runs")
        anchors(args.runs)
        return
    tools = dict(_TOOLS)
    if args.otava:
        tools["apache-otava, p < 0.001, 5%"] = partial(_otava, args.otava)
    {"noise": noise, "step": step}[args.experiment](tools, args.series)


def noise(tools: Mapping[str, Tool], series: int) -> None:
    """The share of series without a change of which a change is reported."""
    for kind, draw in _NOISES.items():
        print(f"{kind}: series that never change, and are reported to, of {series}")
        for runs in (10, 20, 50, 100):
            drawn = [draw(np.random.default_rng(_SEED + n), runs) for n in range(series)]
            shares = (f"{name} {_share(tool(drawn))}" for name, tool in tools.items())
            print(f"  {runs:4} runs: {', '.join(shares)}")


def step(tools: Mapping[str, Tool], series: int) -> None:
    """The share of series in which a step is reported, by how many runs came after it."""
    for kind, draw in _NOISES.items():
        print(f"{kind}: {_HISTORY} runs, then a step of {_STEP - 1:.0%}; reported, of {series}")
        for after in (2, 3, 4, 5, 6, 8, 12):
            drawn = [
                draw(np.random.default_rng(_SEED + n), _HISTORY + after) for n in range(series)
            ]
            for values in drawn:
                values[_HISTORY:] = [value * _STEP for value in values[_HISTORY:]]
            shares = (
                f"{name} {_share(tool(drawn), near=_HISTORY)}" for name, tool in tools.items()
            )
            print(f"  {after:3} runs after it: {', '.join(shares)}")


def anchors(root: Path) -> None:
    """How much the times of each contender scatter over the runs, and their ratios to anchors."""
    times: dict[str, dict[int, float]] = {}
    marks: dict[int, dict[str, float]] = {}
    kinds: dict[str, str] = {}
    for number, folder in enumerate(runs_in(root)):
        records = folder.records()
        for anchors in anchor_times(records).values():
            marks[number] = {name: anchors.time_s(name) for name in ANCHORS}
        for record in without_anchors(records):
            if isinstance(record.outcome, Measured):
                name = f"{record.case.op} {record.case.shape} {record.contender}"
                times.setdefault(name, {})[number] = median(record.outcome.samples_s)
                kinds[name] = nearest_anchor(record.outcome)
    print(f"{len(marks)} runs; spread of the times, of their ratios to anchors, changes reported")
    for name, of_runs in times.items():
        own = {n: time_s for n, time_s in of_runs.items() if n in marks}
        series = {"time": list(own.values())}
        for anchor in ANCHORS:
            series[anchor] = [time_s / marks[n][anchor] for n, time_s in own.items()]
        series["mean of anchors"] = [
            time_s / math.prod(marks[n].values()) ** (1 / len(ANCHORS)) for n, time_s in own.items()
        ]
        cells = (f"{what} {_spread(v):.1%} ({len(steps(v))})" for what, v in series.items())
        print(f"  {name}, nearest {kinds[name]}: {', '.join(cells)}")


def _steps(drawn: Sequence[Series]) -> Changes:
    return [[change.at for change in steps(values)] for values in drawn]


def _means(drawn: Sequence[Series]) -> Changes:
    """The library's segmentation of the logarithms by means, with the penalty that is common."""
    return [_segmented(KernelCPD(kernel="linear", min_size=SHORTEST), v, power=2) for v in drawn]


def _medians(drawn: Sequence[Series]) -> Changes:
    """By medians, which is slow."""
    return [_segmented(Pelt(model="l1", min_size=SHORTEST, jump=1), v, power=1) for v in drawn]


def _segmented(search: KernelCPD | Pelt, values: Series, *, power: int) -> list[int]:
    logs = np.log(values)
    scale = float(np.median(np.abs(np.diff(logs)))) / 0.6745 / math.sqrt(2)
    penalty = 3 * scale**power * math.log(len(values))
    ends = [int(end) for end in search.fit(logs.reshape(-1, 1)).predict(pen=penalty)]
    edges = (0, *ends)
    medians = [median(values[a:b]) for a, b in zip(edges, ends, strict=False)]
    return [
        end
        for end, before, after in zip(ends, medians, medians[1:], strict=False)
        if abs(math.log(after / before)) >= math.log1p(MIN_CHANGE)
    ]


def _otava(python: str, drawn: Sequence[Series]) -> Changes:
    done = subprocess.run(
        [python, "-c", _OTAVA], input=json.dumps(drawn), capture_output=True, text=True, check=True
    )
    changes: Changes = json.loads(done.stdout)
    return changes


Tool = Callable[[Sequence[Series]], Changes]
_TOOLS: dict[str, Tool] = {"opbench": _steps, "means": _means, "medians": _medians}


def _quiet(rng: np.random.Generator, runs: int) -> Series:
    return [float(value) for value in np.exp(rng.normal(0, 0.02, runs))]


def _hit(rng: np.random.Generator, runs: int) -> Series:
    """One run in 24 is slowed down as a whole, as it was seen in fresh processes."""
    slow = np.where(rng.random(runs) < 1 / 24, rng.uniform(1.1, 1.8, runs), 1.0)
    return [float(value) for value in np.exp(rng.normal(0, 0.03, runs)) * slow]


def _drifting(rng: np.random.Generator, runs: int) -> Series:
    """A run resembles the one before: half of what it is off by goes over to the next."""
    own = rng.normal(0, 0.03 * math.sqrt(0.75), runs)
    off = [rng.normal(0, 0.03)]
    for value in own[1:]:
        off.append(off[-1] / 2 + value)
    return [math.exp(value) for value in off]


_NOISES: dict[str, Callable[[np.random.Generator, int], Series]] = {
    "normal noise of 2%": _quiet,
    "noise of 3%, one run in 24 slowed down by 10% to 80%": _hit,
    "noise of 3%, half of which goes over to the next run": _drifting,
}


def _share(changes: Changes, *, near: int | None = None) -> str:
    """The share of the series with a change, within a run of `near` where that is given."""
    hits = sum(any(near is None or abs(at - near) <= 1 for at in places) for places in changes)
    return f"{hits / len(changes):.1%}"


def _spread(values: Sequence[float]) -> float:
    """Median distance from the median of the logarithms, scaled to a standard deviation."""
    logs = np.log(values)
    return float(np.median(np.abs(logs - np.median(logs)))) / 0.6745


if __name__ == "__main__":
    main()
