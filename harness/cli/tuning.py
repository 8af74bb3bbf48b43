"""The arguments of `opbench tune`, and the request that they stand for. No torch."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, choosing, options, resuming
from opbench.harness.cli.option_types import absolute, count, duration, ratio
from opbench.harness.cli.run_folder import recorded
from opbench.results.errors import SelectionError
from opbench.results.records.output_paths import ensure_file_can_be

if TYPE_CHECKING:
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.execution.process import Limits
    from opbench.harness.pipeline.tune import Goal
    from opbench.harness.planning.selection import Selection
    from opbench.results.choosing.served import Served
    from opbench.results.choosing.wishes import Wishes
    from opbench.results.records.run_folder import RunFolder

#: The options that say for which sizes to choose.
_RANGE = {"shape", "sweep", "like", "served"}
#: What a tune has of its own, whatever the runs that it adds to were made with.
_OWN = {"names", "load", "budget", "until_regret", "max_shapes", "max_time", "verb"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `opbench tune`."""
    text = "an op, and folders of runs whose times count: what they lack is raced"
    arguments.add_selection(parser, metavar="OP|RUN", names=text, weighs=True)
    _add_range(parser)
    _add_goal(parser)
    choosing.add_conditions(parser)
    arguments.add_json(parser)
    arguments.add_quiet(parser)
    arguments.add_out(parser)
    add = parser.add_argument
    add("--resume", metavar="RUN", help="go on with this run as it was begun")
    text = "write the choices as a table for opbench.dispatch"
    add("-o", dest="table", type=Path, metavar="FILE", help=text)
    arguments.add_isolation(parser)


def _add_range(parser: argparse.ArgumentParser) -> None:
    """Add what to choose for, beside shapes and sweeps."""
    add = parser.add_argument_group("sizes to choose for, beside --shape and --sweep").add_argument
    text = "N shapes drawn from the range of those that the op declares"
    add("--like", type=count(1, 10_000), metavar="N", help=text)


def _add_goal(parser: argparse.ArgumentParser) -> None:
    """Add how long to race, and until when."""
    add = parser.add_argument_group("race").add_argument
    text = "the most that choosing may cost, as time over the best's (default: 1.02); exit 3 if "
    text += "given and not reached"
    add("--until-regret", type=ratio, default=1.02, metavar="RATIO", help=text)
    text = "the most shapes that are raced (default: 100)"
    add("--max-shapes", type=count(1, 10_000), default=100, metavar="N", help=text)
    text = "no shape is begun after so long: 90s, 10m"
    add("--max-time", type=duration, metavar="TIME", help=text)
    text = "for the race of each shape (default: 1s; a fifth of that where a contender is added)"
    add("--budget", type=duration, default=1.0, metavar="TIME", help=text)
    text = "race contenders on every shape that are shown to be slower by far, too"
    add("--all-contenders", action="store_true", help=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneCommand:
    """What is to be tuned."""

    op: str
    #: Runs whose times count.
    earlier: tuple[RunFolder, ...]
    selection: Selection
    #: How many shapes are drawn like those that are declared; 0 for none.
    like: int
    #: Shapes with how often they are served, where a file has them.
    served: tuple[Served, ...]
    goal: Goal
    #: Seconds for the race of each shape, and of one where a contender is added.
    budget_s: float
    added_budget_s: float
    wishes: Wishes
    all_contenders: bool
    #: Whether a regret was asked for.
    is_regret_given: bool
    #: The file to write; None for none.
    table: Path | None
    #: The run to create, if none is resumed.
    new: NewRun
    #: The run to go on with; None for a new one.
    resumed: RunFolder | None
    modules: tuple[str, ...]
    #: None for races in this process.
    limits: Limits | None
    output: Output


def command_of(args: argparse.Namespace) -> TuneCommand:
    """What the arguments ask for.

    Raises SelectionError for what doesn't go together, RunFolderError where the table can't be
    written.
    """
    resumed = None
    if args.resume:
        given = options.given(args)
        resumed, settings = resuming.open_resumed(args.resume, verb="tune", given=given)
        options.restore(args, settings)
    if args.table is not None:  # now, and not after minutes of racing
        ensure_file_can_be(Path(args.table))
    op, earlier = _names(args)
    if not args.resume:
        _take_over(args, earlier)
    if (args.like and (args.shape or args.sweep)) or (
        args.served and (args.like or args.shape or args.sweep)
    ):
        raise SelectionError("give one of --like, --shapes, or --shape with --sweep")
    if not (earlier or any(getattr(args, name) for name in _RANGE)):
        raise SelectionError(
            f"say for which sizes to choose: a range, --sweep S=256..8192; --like 40, shapes like "
            f"those of {op}; or --shapes FILE, those that are served"
        )
    return _command(args, op, earlier, resumed)


def _command(
    args: argparse.Namespace, op: str, earlier: tuple[RunFolder, ...], resumed: RunFolder | None
) -> TuneCommand:
    """The command of arguments that go together."""
    from opbench.results.choosing.served import read_served

    return TuneCommand(
        op=op,
        earlier=earlier,
        selection=options.selection(args),
        like=args.like or 0,
        served=read_served(Path(args.served), "--shapes") if args.served else (),
        goal=_goal(args),
        budget_s=args.budget,
        added_budget_s=args.budget / (1 if "budget" in args.given else 5),
        wishes=choosing.wishes(args),
        all_contenders=args.all_contenders,
        is_regret_given="until_regret" in args.given,
        table=args.table,
        new=options.new_run(args),
        resumed=resumed,
        modules=options.modules(args),
        limits=options.isolation(args),
        output=options.output(args),
    )


def _goal(args: argparse.Namespace) -> Goal:
    """When to end."""
    from opbench.harness.pipeline.tune import Goal

    goal = Goal(until_regret=args.until_regret, max_shapes=args.max_shapes)
    return goal if args.max_time is None else replace(goal, max_time_s=args.max_time)


def _names(args: argparse.Namespace) -> tuple[str, tuple[RunFolder, ...]]:
    """The op and the runs that are given by position, which `args` then has by absolute paths."""
    # What has a slash is no name of an op: if it isn't a run, that is the error.
    are_runs = {name: "/" in name or (Path(name) / "run.json").exists() for name in args.names}
    ops = [name for name, is_run in are_runs.items() if not is_run]
    if len(ops) != 1:
        raise SelectionError(f"give one op; {' and '.join(ops) if ops else 'none'} was given")
    paths = [name for name, is_run in are_runs.items() if is_run]
    earlier = tuple(recorded(path) for path in paths)
    args.names = [*ops, *(p if "://" in p else absolute(p) for p in paths)]
    return ops[0], earlier


def _take_over(args: argparse.Namespace, earlier: tuple[RunFolder, ...]) -> None:
    """Go on with the options of the last of some runs, as far as none are given now."""
    if not earlier:
        return
    saved = _settings(earlier[-1])
    kept = _OWN | args.given | (_RANGE if _RANGE & args.given or saved["verb"] != "tune" else set())
    options.restore(args, {name: value for name, value in saved.items() if name not in kept})
    args.load = [*dict.fromkeys((*saved.get("load", ()), *args.load))]  # type: ignore[misc]


def _settings(folder: RunFolder) -> Mapping[str, object]:
    """The options that a run was made with, its verb among them."""
    return {"verb": "", **{name: json.loads(value) for name, value in folder.info.settings}}
