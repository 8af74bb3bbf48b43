"""`opbench profile`: where the time and the memory of contenders go, and what grew of it.

Profiles go into a run of their own, or are added to one; with a base there are two of each
contender.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, options
from opbench.harness.cli.catalogue import ensure_shapes, load_catalog
from opbench.harness.cli.drawing import draw
from opbench.harness.cli.exit_codes import Exit, code_of, of_outcomes, worst
from opbench.harness.cli.option_types import count
from opbench.harness.cli.output import plain, print_json, warn
from opbench.harness.cli.resuming import ensure_same_environment
from opbench.harness.cli.run_folder import RunInProgress, create, create_in, resumable
from opbench.harness.cli.terminal import progress
from opbench.harness.cli.workers import supervised
from opbench.harness.system.lazy_import import import_lazily
from opbench.harness.versions.worktrees import HERE
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.execution.messages import Tracing
    from opbench.harness.execution.process import Limits
    from opbench.harness.planning.selection import Selection
    from opbench.harness.regression.setup import ComparisonRequest, Setup
    from opbench.results.records import Environment, Profile, Record, Uncompared
    from opbench.results.records.run_folder import RunFolder

HELP = "profile contenders: traces, operators, memory; with --base, what grew"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_selection(parser)
    arguments.add_json(parser)
    arguments.add_quiet(parser)
    arguments.add_out(parser)
    arguments.add_versions(parser, required=False)
    parser.add_argument("--run", metavar="RUN", help="add the profiles to this run")
    arguments.add_isolation(parser)
    parser.add_argument(
        "--top", type=count(1, 1_000_000), default=8, help="operators shown (default: 8)"
    )
    text = "calls before the trace, for what is slow at first (default: 1)"
    parser.add_argument("--warmup", type=count(0, 1_000_000), default=1, help=text)
    text = "calls in the trace, and for the table (default: 5, and as many as suffice)"
    parser.add_argument("--calls", type=count(1, 100_000), help=text)
    stacks = "put Python's functions into the traces, too, which slows the calls down"
    parser.add_argument("--stacks", action="store_true", help=stacks)
    text = "write a flame graph, of two profiles with their difference: .html or .speedscope.json"
    parser.add_argument("--flame", metavar="FILE", help=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where profiles go, and how they are shown."""

    #: The run that they are added to; None for a new one.
    run: str | None
    #: The run to create otherwise.
    new: NewRun
    output: Output
    #: How many operators are shown.
    top: int
    #: The file for a flame graph; None for none.
    flame: Path | None


def run(args: argparse.Namespace) -> Exit:
    """Profile the selected contenders, or two versions of them, and print the operators."""
    if args.run:
        options.ensure_heeded(args, ("out", "id"), "--run")
    new, output = options.new_run(args), options.output(args)
    flame = Path(args.flame) if args.flame else None
    place = _Place(run=args.run, new=new, output=output, top=args.top, flame=flame)
    if flame:
        from opbench.dashboards.flame_file import ensure_flame_name

        ensure_flame_name(flame)
    if args.base or args.base_python:
        if args.in_process:
            raise SelectionError("two versions need a process each: leave --in-process out")
        options.ensure_heeded(args, ("stacks", "warmup", "calls"), "two versions")
        request = options.comparison_request(args, method="pairs")
        return _profile_versions(request, options.limits(args, workers=2), place)
    if args.head != HERE or args.build:
        raise SelectionError("--head and --build are of two versions: say with --base which other")
    limits = options.isolation(args)
    modules, selection = options.modules(args), options.selection(args)
    from opbench.harness.execution.messages import Tracing

    tracing = Tracing(stacks=args.stacks, warmup=args.warmup, calls=args.calls)
    return _profile_contenders(selection, modules, limits, place, tracing)


def _profile_contenders(
    selection: Selection,
    modules: tuple[str, ...],
    limits: Limits | None,
    place: _Place,
    tracing: Tracing,
) -> Exit:
    """Profile the installed contenders, and print them."""
    from opbench.harness.pipeline.profile import profile
    from opbench.harness.planning.cases import plan
    from opbench.results.records import Profile, Record

    with resumable("profile") as begun:
        with progress(place.output) as observer, supervised(modules, limits) as supervisor:
            catalog = load_catalog(modules)
            races = plan(catalog, selection)
            ensure_shapes(catalog, selection, races)
            here = supervisor.environment() if supervisor else None
            folder = _open(place.run, here) if place.run else create(place.new, supervisor)
            begun.folder = folder.path
            observer.expect(races)
            lines = profile(
                catalog,
                races,
                folder,
                supervisor=supervisor,
                observer=observer,
                tracing=tracing,
            )
        profiles = [item for item in lines if isinstance(item, Profile)]
        refused = [item for item in lines if isinstance(item, Record)]
        _print_contenders(folder, profiles, refused, place)
        _write_flame(folder, profiles, place)
    code = of_outcomes(record.outcome for record in refused)
    return worst(code_of(record.outcome) for record in refused) if profiles else code


def _print_contenders(
    folder: RunFolder, profiles: Sequence[Profile], refused: Sequence[Record], place: _Place
) -> None:
    """Print the operators and peak memory of each profile, and why others have none."""
    from opbench.results.records import Measured
    from opbench.results.report.profiles import code_lines, operators_table, work_lines
    from opbench.results.report.table import format_bytes

    if place.output.json:
        print_json({"run": str(folder.path), "profiles": [plain(item) for item in profiles]})
        return
    for item in profiles:
        table = operators_table(item)
        draw([dataclasses.replace(table, rows=table.rows[: place.top])])
        print(f"peak memory per call: {format_bytes(item.peak_bytes)}   trace: {item.trace}")
        for line in (*work_lines(item), *code_lines(item)):
            print(line)
        print()
    for record in refused:
        assert not isinstance(record.outcome, Measured)
        print(f"{record.contender}: {record.outcome.reason}")
    print(f"run: {folder.path}")


def _profile_versions(request: ComparisonRequest, limits: Limits, place: _Place) -> Exit:
    """Profile two versions of contenders, and print the differences."""
    from opbench.harness.regression.profile import profile_versions
    from opbench.harness.regression.setup import set_up
    from opbench.results.records import Profile, Uncompared
    from opbench.results.regression.profile_diff import differences

    import_lazily("torch")
    with resumable("profile") as begun:
        with progress(place.output) as observer, set_up(request, limits) as setup:
            for warning in setup.warnings:
                warn("profile", warning)
            folder = _folder(place, setup, begun)
            observer.expect(setup.plan.races)
            lines = profile_versions(setup.plan, folder, observer=observer)
        profiles = [item for item in lines if isinstance(item, Profile)]
        refused = [item for item in (*setup.common.alone, *lines) if isinstance(item, Uncompared)]
        _print_versions(folder, profiles, refused, place)
        _write_flame(folder, profiles, place)
    outcomes = [o for item in refused for o in (item.outcome.base, item.outcome.head) if o]
    return worst(map(code_of, outcomes)) if differences(profiles) else of_outcomes(outcomes)


def _write_flame(folder: RunFolder, profiles: Sequence[Profile], place: _Place) -> None:
    """Write the flame graphs of some profiles into one file, where that was asked for."""
    from opbench.dashboards.flame_file import read_graph, write_flame

    if place.flame is None or not profiles:
        return
    graphs = [
        read_graph(
            " · ".join(filter(None, (one.case.op, one.contender, one.case.label, one.side))),
            folder.path / one.trace,
        )
        for one in profiles
    ]
    write_flame(graphs, place.flame)
    if not place.output.json:
        print(f"wrote {place.flame}")


def _folder(place: _Place, setup: Setup, begun: RunInProgress) -> RunFolder:
    """The run that was named, or a new one that keeps which commits were profiled."""
    if place.run:
        folder = _open(place.run, setup.head.environment)
        begun.folder = folder.path
        return folder
    sides = (("base_commit", setup.base.commit), ("head_commit", setup.head.commit))
    commits = tuple((name, json.dumps(commit)) for name, commit in sides)
    folder = create_in(place.new, setup.head.environment, settings=commits)
    begun.folder = folder.path
    for lacking in setup.common.alone:
        folder.append(lacking)
    return folder


def _open(path: str, here: Environment | None) -> RunFolder:
    """The run that profiles are added to.

    here: what is profiled in; None for this process. Raises RunFolderError if the run can't be read
    and written, EnvironmentsDifferError if it is of another environment: one run is of one machine.
    """
    from opbench.results.records.run_folder import open_run
    from opbench.results.store.opening import ensure_local

    ensure_local(path, verb="profile --run")
    folder = open_run(path)
    ensure_same_environment(folder, here)
    folder.ensure_writable()
    return folder


def _print_versions(
    folder: RunFolder, profiles: Sequence[Profile], refused: Sequence[Uncompared], place: _Place
) -> None:
    """Print what grew in each profile, and what has no profile in both versions."""
    from opbench.results.records.comparison import is_idle
    from opbench.results.regression.profile_diff import differences
    from opbench.results.report.findings import uncompared_table
    from opbench.results.report.profiles import difference_table, summary

    grown = differences(profiles)
    # A contender that runs in neither version is listed only where there is nothing else to show.
    listed = [item for item in refused if not grown or not is_idle(item)]
    if place.output.json:
        print_json(
            {
                "run": str(folder.path),
                "differences": [plain(diff) for diff in grown],
                "unprofiled": [plain(item) for item in refused],
            }
        )
        return
    for diff in grown:
        draw([difference_table(diff, top=place.top)])
        print(f"{summary(diff)}\ntraces: {diff.base_trace}   {diff.head_trace}\n")
    if listed:
        draw([uncompared_table(listed, title="not profiled in both versions")])
    print(f"run: {folder.path}")
