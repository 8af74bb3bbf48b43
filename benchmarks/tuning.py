"""Tuning against a grid: the wall time to the same regret, and what adding a contender costs.

On one op, without one of its contenders: a grid is raced by `opbench run`; the same range by
`opbench tune`, on as many shapes at most; and shapes that neither has seen by `opbench run`. By
these both are priced: the best of a shape is named on one half of its rounds and priced on the
other. Of tuning that is done after each shape, with the wall time until then. Then `opbench tune`
adds the contender that was left out. All commands are timed from start to end, and their races also
by themselves: a command that races a few shapes spends much of its time on beginning. What was done
before is read.

    python -m benchmarks.tuning --op moe_combine --add embedding_bag --points 3 --out runs/tuning
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.choosing import RANGES, drawn
from opbench import load
from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Terms
from opbench.results.choosing.gather import Races, choose_for, gather
from opbench.results.choosing.regret import Regret, regret_of
from opbench.results.choosing.rules import chosen
from opbench.results.choosing.served import Served, weights_of
from opbench.results.choosing.situations import Row
from opbench.results.records.run_folder import RunFolder

#: Weaknesses that may be chosen: of the inputs that are raced none has them.
_ACCEPTED = frozenset({"nonfinite", "huge", "large"})


@dataclass(frozen=True, slots=True)
class Timed:
    """A command that was run."""

    #: Seconds from its start to its end.
    wall_s: float
    #: What it printed.
    document: Mapping[str, Any]
    folder: RunFolder

    @property
    def elapsed_s(self) -> list[float]:
        """Of a tune, the seconds until each shape was raced, its beginning included."""
        rounds = [float(item["elapsed_s"]) for item in self.document["rounds"]]
        before = self.wall_s - rounds[-1] if rounds else 0.0
        return [before + elapsed for elapsed in rounds]

    @property
    def racing_s(self) -> float:
        """Seconds of preparing, checking and racing, without what comes once in a command."""
        if "rounds" not in self.document:
            spent = self.document["spent_s"]
            return float(sum(spent[phase] for phase in ("preparing", "checking", "racing")))
        elapsed = [float(item["elapsed_s"]) for item in self.document["rounds"]]
        # The first shape begins with the anchors and small cases; it counts as the mean of others.
        later = elapsed[-1] - elapsed[0] if len(elapsed) > 1 else 0.0
        return later * len(elapsed) / max(len(elapsed) - 1, 1)


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark of an op."""

    op: str
    args: argparse.Namespace
    #: How the range is given: a first shape, and a sweep of each axis.
    ends: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def command(self, verb: str, name: str, *options: str, runs: Sequence[str] = ()) -> Timed:
        """Run a command that makes a run, unless that was done before.

        runs: that it adds to.
        """
        args, out = self.args, Path(self.args.out)
        folder, kept = RunFolder(out / name), out / f"{name}.json"
        if kept.exists():
            wall_s, document = json.loads(kept.read_text(encoding="utf-8"))
            return Timed(wall_s, document, folder)
        shutil.rmtree(folder.path, ignore_errors=True)
        line = [sys.executable, "-m", "opbench", verb, self.op, *runs, "--json", "-q"]
        line += ["--id", name, "--out", args.out, "--threads", "1", "--budget", args.budget]
        line += options
        began = time.monotonic()
        done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
        wall_s = time.monotonic() - began
        document = json.loads(done.stdout)
        kept.write_text(json.dumps([wall_s, document]), encoding="utf-8")
        return Timed(wall_s, document, folder)

    def expression(self, *, everybody: bool) -> list[str]:
        """The contenders, with or without the one that is added."""
        text = self.args.expression
        return ["-k", text if everybody else f"({text}) and not {self.args.add}"]

    def range(self, points: int | None) -> list[str]:
        """The range, as options; points: of a grid on each axis."""
        end = "" if points is None else f"/{points}"
        first = ",".join(f"{axis}={low}" for axis, (low, _) in self.ends.items())
        sweeps = [f"{axis}={low}..{high}{end}" for axis, (low, high) in self.ends.items()]
        return ["--shape", first, *(w for sweep in sweeps for w in ("--sweep", sweep))]


def races_of(folders: Sequence[RunFolder], keep: int | None = None) -> Races:
    """The races of runs; keep: of the first so many shapes alone."""
    (races, *_), _ = gather(folders)
    rows = dict(list(races.rows.items())[:keep])
    shapes = {shape for shape, _ in rows}
    records = [record for record in races.records if record.case.shape in shapes]
    return Races(races.situation, rows, records)


def price(races: Races, test: Sequence[Row], served: Sequence[Served]) -> tuple[Regret, Regret]:
    """What is lost on unseen shapes by a choice from some races, and by the best single one.

    served: the shapes that weigh the measured ones, which tuning doesn't measure evenly.
    """
    rows = tuple(races.rows.values())
    weights = weights_of(rows, races.situation.op, served)
    terms = Terms(axes=tuple(rows[0].axes), weights=weights)
    choice = choose_for(races, Conditions(accepted=_ACCEPTED), terms)
    everybody = set.intersection(*(set(row.times) for row in test))
    logs = [row.price(chosen(choice.rule, row.axes), everybody) for row in test]
    return regret_of(logs), regret_of([row.price(choice.contenders[0], everybody) for row in test])


def main() -> None:
    """Race all of it, and print what a grid and tuning cost and are worth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--op", default="moe_combine", choices=RANGES)
    parser.add_argument("--add", default="embedding_bag", help="the contender that comes later")
    parser.add_argument("--points", type=int, default=3, help="of the grid on each axis")
    parser.add_argument("--unseen", type=int, default=32, help="shapes that price both")
    parser.add_argument("--budget", default="200ms", help="of each race")
    parser.add_argument("--until-regret", default="1.02")
    parser.add_argument("--out", default="runs/tuning")
    parser.add_argument("-k", dest="expression", default="not compile and not triton and not cpp")
    args = parser.parse_args()
    bench = Bench(args.op, args, RANGES[args.op])
    few = bench.expression(everybody=False)
    grid = bench.command("run", "grid", *few, *bench.range(args.points))
    accepted = ["--accept", ",".join(sorted(_ACCEPTED & set(load().op(args.op).inputs)))]
    count = len(grid.document["boards"])
    until = ["--max-shapes", str(count), "--until-regret", args.until_regret]
    until += accepted if accepted[1] else []
    tuned = bench.command("tune", "tuned", *few, *bench.range(None), *until)
    shapes = [w for shape in drawn(args.op, args.unseen, "unseen") for w in ("--shape", shape)]
    unseen = bench.command("run", "unseen", *few, *shapes)
    report(bench, grid, tuned, unseen)
    base = str(tuned.folder.path)
    line = [*bench.expression(everybody=True), "--until-regret", "100"]
    budget_s = {"budget": str(float(args.budget.removesuffix("ms")) / 5) + "ms"}
    added = Bench(args.op, argparse.Namespace(**{**vars(args), **budget_s}))
    report_added(tuned, added.command("tune", "added", *line, runs=[base]))


def report(bench: Bench, grid: Timed, tuned: Timed, unseen: Timed) -> None:
    """Print what the grid and tuning cost, and lose on unseen shapes."""
    test = tuple(races_of([unseen.folder]).rows.values())
    range_ = [
        Served(op=bench.op, axes=sizes_of(text), count=1.0)
        for text in drawn(bench.op, 200, "range")
    ]
    by_grid, single = price(races_of([grid.folder]), test, ())
    shapes = len(races_of([grid.folder]).rows)
    print(f"{'':28} {'shapes':>6} {'wall':>7} {'racing':>7}  lost on {len(test)} unseen shapes")
    print(f"{'always the best single one':28} {'':6} {'':7} {'':7}  {_text(single)}")
    print(_line("grid", shapes, grid.wall_s, grid.racing_s, by_grid))
    elapsed, reached = tuned.elapsed_s, None
    for number, wall_s in enumerate(elapsed, 1):
        lost, _ = price(races_of([tuned.folder], number), test, range_)
        if reached is None and lost.mean.value <= by_grid.mean.value:
            reached = (number, wall_s, lost)
    whole = price(races_of([tuned.folder]), test, range_)[0]
    print(_line(f"tune ({tuned.document['stopped']})", len(elapsed), *_spent(tuned), whole))
    if reached is None:
        print("tuning did not reach the regret of the grid")
    else:
        number, wall_s, lost = reached
        racing_s = tuned.racing_s * number / len(elapsed)
        print(_line("tune, first as good as grid", number, wall_s, racing_s, lost))
        print(f"that is {wall_s / grid.wall_s:.0%} of the grid's wall time", flush=True)


def report_added(tuned: Timed, added: Timed) -> None:
    """Print what adding a contender cost, beside tuning."""
    walls, racing = added.wall_s / tuned.wall_s, added.racing_s / max(tuned.racing_s, 1e-9)
    shapes = len(added.document["rounds"])
    print(f"a contender added on {shapes} shapes: {added.wall_s:.0f} s, {walls:.0%} of tuning")
    print(f"its races alone: {added.racing_s:.1f} s, {racing:.0%} of tuning's")


def sizes_of(text: str) -> dict[str, float]:
    """The sizes of a shape as `--shape` takes it."""
    return {axis: float(size) for axis, size in (part.split("=") for part in text.split(","))}


def _spent(timed: Timed) -> tuple[float, float]:
    """Seconds from start to end, and of racing."""
    return timed.wall_s, timed.racing_s


def _line(name: str, shapes: int, wall_s: float, racing_s: float, lost: Regret) -> str:
    """A line of the table."""
    return f"{name:28} {shapes:6} {wall_s:6.0f}s {racing_s:6.1f}s  {_text(lost)}"


def _text(lost: Regret) -> str:
    """A regret."""
    mean = f"{lost.mean.value:.3f} [{lost.mean.low:.3f}, {lost.mean.high:.3f}]"
    return f"{mean} p95 {lost.p95:.2f} max {lost.worst:.2f}"


if __name__ == "__main__":
    main()
