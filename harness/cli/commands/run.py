"""`opbench run`: race contenders and record the run, or finish one that was begun.

A resumed run does what is missing; with a longer budget, its undecided cases are raced anew.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, board_text, fleet, options, resuming, serving, storing
from opbench.harness.cli.catalogue import ensure_shapes, load_catalog
from opbench.harness.cli.exit_codes import Exit, of_boards, of_outcomes, worst
from opbench.harness.cli.option_types import count, duration, share
from opbench.harness.cli.run_folder import RunInProgress, add_ceilings, create, resumable
from opbench.harness.cli.run_output import RunReport, print_report, waiting
from opbench.harness.cli.terminal import progress
from opbench.harness.cli.workers import supervised
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.cli.drawing import ColumnChoice
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.cli.stopwatch import PhaseTimer
    from opbench.harness.cli.storing import Sharing
    from opbench.harness.cli.terminal import Progress
    from opbench.harness.execution.process import Limits
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.planning.selection import Race, Selection
    from opbench.results.records import Case, Record
    from opbench.results.records.run_folder import RunFolder

HELP = "race contenders and record the run"
_VERBOSE = "print the tracebacks of what failed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_selection(parser)
    arguments.add_json(parser)
    arguments.add_columns(parser)
    arguments.add_quiet(parser, more="; of the results a line for each case")
    arguments.add_out(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help=_VERBOSE)
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help="finish this run as it was begun; with a longer --budget, race undecided cases anew",
    )
    _add_race_options(parser)
    arguments.add_store(parser)
    arguments.add_fleet(parser)
    arguments.add_isolation(parser)


def _add_race_options(parser: argparse.ArgumentParser) -> None:
    """Add how long contenders are raced, and what else is asked of a race."""
    race = parser.add_argument_group("race")
    race.add_argument(
        "--budget",
        type=duration,
        default=3.0,
        metavar="TIME",
        help="for the race of each case: 3s, 1m (default: 3s); loading, preparing and checking "
        "come on top",
    )
    race.add_argument(
        "--precision",
        type=share,
        metavar="P",
        help="of ratios, 1%% say; exit 3 if not reached",
    )
    race.add_argument(
        "--tie", type=share, metavar="P", help="contenders closer than this tie (default: 1%%)"
    )
    race.add_argument(
        "--processes",
        type=count(1, 1000),
        default=1,
        metavar="N",
        help="race each case in N fresh processes, which are then the units of evidence",
    )
    race.add_argument(
        "--no-spot-check",
        action="store_true",
        help="race also what fails on small inputs of other kinds, if it is right as it is timed",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """The races that are to be run."""

    #: The ops, contenders and cases.
    selection: Selection
    #: As given by --load.
    modules: tuple[str, ...]
    #: None for races in this process.
    limits: Limits | None
    #: The run to create, if none is resumed.
    new: NewRun
    #: The run to go on with; None for a new one.
    resumed: RunFolder | None
    #: Whether its undecided cases are raced anew, if the budget is longer than theirs.
    is_budget_given: bool
    #: The store that its cases go into, and the share of them; None for a run folder alone.
    sharing: Sharing | None
    #: Seconds for the race of each case.
    budget_s: float
    #: Fresh processes that each case is raced in.
    processes: int
    #: Whether contenders are checked on small cases first.
    spot_check: bool
    #: Whether a precision has to be reached.
    is_precision_given: bool
    output: Output
    #: Of the leaderboards.
    columns: ColumnChoice


def run(args: argparse.Namespace) -> Exit:
    """Race the selected contenders, record the run and print its leaderboards."""
    if args.orders is not None:
        return serving.serve(args)
    if args.on:
        return fleet.run_on(args)
    if args.kinds:
        raise SelectionError("--kinds are of a cluster's nodes: give --on as well")
    request = _request(args)
    with resumable("run") as begun:
        report = _run(request, begun)
        print_report(report, request.output, request.columns, request.sharing)
    codes = [of_outcomes(record.outcome for record in report.records)]
    if request.sharing and not report.records:
        # Of more parts than cases some have nothing to do.
        codes = [Exit.OK]
    if request.is_precision_given:
        codes.append(of_boards(report.boards, report.folder.info.rules))
    storing.leave(request.sharing, report.folder)
    return worst(codes)


def _request(args: argparse.Namespace) -> _Request:
    """The races, with the options of the run that is resumed, if any."""
    resumed = None
    if args.resume:
        given = options.given(args)
        resumed, settings = resuming.open_resumed(args.resume, verb="run", given=given)
        options.restore(args, settings)
    if args.in_process and args.processes > 1:
        raise SelectionError("--processes are fresh processes: leave --in-process out")
    chosen = options.columns(args)
    chosen.ensure_known(board_text.columns())
    sharing = storing.sharing(args.store, args.part, getattr(args, "stored_as", args.id))
    if sharing and resumed and "budget" in args.given:
        raise SelectionError("a store keeps what it has: leave --budget out")
    return _Request(
        selection=options.selection(args),
        modules=options.modules(args),
        limits=options.isolation(args),
        new=storing.local(options.new_run(args), sharing),
        resumed=resumed,
        is_budget_given="budget" in args.given,
        sharing=sharing,
        budget_s=args.budget,
        processes=args.processes,
        spot_check=not args.no_spot_check,
        is_precision_given=args.precision is not None,
        output=options.output(args),
        columns=chosen,
    )


def _run(request: _Request, begun: RunInProgress) -> RunReport:
    """Run the races, and gather what is shown of them."""
    from opbench.harness.cli.stopwatch import PhaseTimer, Stopwatch
    from opbench.harness.pipeline.outlook import outlooks
    from opbench.results.ranking.leaderboard import boards_of

    with (
        progress(request.output) as shown,
        supervised(request.modules, request.limits) as supervisor,
    ):
        timer = PhaseTimer(shown, Stopwatch())
        timer.watch.begin("loading")
        folder, records, disturbed = _race(request, begun, supervisor, timer, shown)
    boards = boards_of(folder)
    return RunReport(
        folder=folder,
        boards=boards,
        outlooks=outlooks(boards, folder.records(), folder.info.rules, raced_s=timer.raced_s),
        records=records,
        spent_s=timer.spent(records),
        warnings=(*disturbed, *waiting(boards)),
    )


def _race(
    request: _Request,
    begun: RunInProgress,
    supervisor: Supervisor | None,
    timer: PhaseTimer,
    shown: Progress,
) -> tuple[RunFolder, tuple[Record, ...], tuple[str, ...]]:
    """The run's folder, the records of its races, and what disturbed them."""
    from opbench.harness.machine.watch import Watch
    from opbench.harness.pipeline.anchors import anchor
    from opbench.harness.pipeline.run import run
    from opbench.harness.timing.stopping import Policy

    catalog = load_catalog(request.modules)
    races = _plan(request, catalog)
    folder, anew = _open(request, begun, supervisor)
    upload = storing.begin(request.sharing, folder, races)
    add_ceilings(folder, races, verb="run")
    to_race = resuming.left(races, folder, anew)
    timer.watch.begin("anchors")
    # A run that is to be short doesn't spend its time on anchors.
    anchor(folder, to_race, budget_s=request.budget_s, supervisor=supervisor)
    timer.watch.begin("")
    shown.expect(to_race)
    watch = Watch.begun()
    records = run(
        catalog,
        races,
        folder,
        policy=Policy(rules=folder.info.rules, budget_s=request.budget_s),
        processes=request.processes,
        supervisor=supervisor,
        observer=storing.observing(upload, timer),
        anew=anew,
        spot_check=request.spot_check,
    )
    storing.finish(request.sharing, upload)
    return folder, records, watch.warnings(threads={race.case.threads for race in to_race})


def _plan(request: _Request, catalog: Catalog) -> tuple[Race, ...]:
    """The races that are selected; of a run of several parts those of this one."""
    from opbench.harness.planning.cases import plan

    races = plan(catalog, request.selection)
    ensure_shapes(catalog, request.selection, races)
    return storing.share(request.sharing, races)


def _open(
    request: _Request, begun: RunInProgress, supervisor: Supervisor | None
) -> tuple[RunFolder, frozenset[Case]]:
    """The folder of the run, and the cases that are raced anew though it has them."""
    folder = request.resumed
    if folder is None:
        folder = create(request.new, supervisor)
        begun.folder = folder.path
        return folder, frozenset()
    begun.folder = folder.path
    resuming.ensure_same_environment(folder, supervisor.environment() if supervisor else None)
    if not request.is_budget_given:
        return folder, frozenset()
    return folder, resuming.undecided(folder, request.budget_s)
