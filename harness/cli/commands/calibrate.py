"""`opbench calibrate`: what this machine can do at most, and how often the gate errs on it.

Either is measured once and cached for the machine; later runs and gates take it from there.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, options
from opbench.harness.cli.drawing import draw
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.option_types import count, duration, shares
from opbench.harness.cli.output import plain, print_json
from opbench.harness.cli.parsing import listed
from opbench.harness.cli.resuming import open_resumed
from opbench.harness.cli.run_folder import RunInProgress, create_in, resumable
from opbench.harness.cli.terminal import busy, gate_progress
from opbench.harness.system.cores import usable_cores
from opbench.harness.system.lazy_import import import_lazily
from opbench.results.errors import SelectionError
from opbench.results.records.output_paths import ensure_file_can_be, output_file

if TYPE_CHECKING:
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.execution.process import Limits
    from opbench.harness.planning.selection import Selection
    from opbench.results.records import Calibration, Ceilings, GateRules
    from opbench.results.records.run_folder import RunFolder

HELP = "measure what this machine can do at most, or how often the gate errs on it"
#: Where any of these was given, the default selection doesn't hold.
_CHOOSING = ("names", "expression", "impls", "inputs", "board", "shape", "sweep")
#: The arguments that both kinds of calibration take, and those of ceilings alone.
_OF_BOTH = {"gate", "ceilings", "device", "threads", "json", "quiet"}
_OF_CEILINGS = {"seconds", "fresh"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--ceilings",
        action="store_true",
        help="measure what this machine can do at most, and keep it for later runs",
    )
    kind.add_argument(
        "--gate",
        action="store_true",
        help="measure how often the gate errs, and what it finds, and keep it for later gates",
    )
    arguments.add_json(parser)
    arguments.add_quiet(parser)
    arguments.add_out(parser)
    arguments.add_selection(parser)
    _add_ceilings(parser)
    _add_gate(parser)
    arguments.add_limits(parser)


def _add_ceilings(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of measuring ceilings."""
    add = parser.add_argument_group("with --ceilings").add_argument
    add(
        "--seconds",
        type=duration,
        default=12.0,
        metavar="TIME",
        help="to spend: 12s, 1m (default: 12s)",
    )
    add(
        "--fresh",
        action="store_true",
        help="forget earlier measurements instead of the best of all",
    )


def _add_gate(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of calibrating the gate."""
    group = parser.add_argument_group("with --gate (selection: 28 contenders and cases by default)")
    add = group.add_argument
    add(
        "--units",
        type=count(1, 10_000),
        default=20,
        metavar="N",
        help="processes to record (default: 20)",
    )
    add(
        "--pairs",
        type=count(1, 10_000),
        default=6,
        metavar="N",
        help="pairs of processes to record (default: 6)",
    )
    add(
        "--sessions",
        type=count(1, 1_000_000),
        default=80,
        metavar="N",
        help="to resample (default: 80)",
    )
    add(
        "--slowdowns",
        type=shares,
        default=(0.01, 0.02, 0.03, 0.05, 0.10),
        metavar="P,...",
        help="to inject into one contender (default: 1%%,2%%,3%%,5%%,10%%)",
    )
    arguments.add_rules(group)
    add("--resume", metavar="RUN", help="go on with the units of this folder")
    add("--plot", type=Path, metavar="FILE.png", help="draw what is found of each slowdown")


def run(args: argparse.Namespace) -> Exit:
    """Measure the ceilings, or calibrate the gate; keep and print the results."""
    other = _OF_CEILINGS if args.gate else args.given - _OF_CEILINGS - _OF_BOTH
    if ignored := args.given & other:
        kind = "--gate" if args.gate else "--ceilings"
        raise SelectionError(f"{listed(ignored)} would say nothing to {kind}: leave it out")
    if args.gate:
        import_lazily("torch")
        return _calibrate_gate(_request(args))
    devices, threads = options.selection(args).devices, args.threads or usable_cores()
    output = options.output(args)
    return _measure_ceilings(devices, threads, args.seconds, fresh=args.fresh, output=output)


def _measure_ceilings(
    devices: tuple[str, ...], threads: int, seconds: float, *, fresh: bool, output: Output
) -> Exit:
    """Measure the ceilings of each device, cache the best of all, and print them.

    fresh: forget earlier measurements. Raises UnsupportedError for a device that isn't here.
    """
    from opbench.harness.machine.ceilings import measure
    from opbench.harness.machine.device import ensure_device
    from opbench.harness.machine.device_names import ensure_devices
    from opbench.harness.machine.environment import describe
    from opbench.results.ranking.ceilings import save
    from opbench.results.report.machine import ceilings_table

    ensure_devices(devices)
    for device in devices:
        ensure_device(device)
    key = describe().key
    saved: list[Ceilings] = []
    for device in devices:
        with busy(output, f"measuring {device} for {seconds:g} s"):
            measured = measure(
                device=device, threads=threads, budget_s=seconds, environment_key=key
            )
        saved.append(save(measured, fresh=fresh))
        if not output.json:
            draw(ceilings_table(saved[-1]))
    if output.json:
        documents = [plain(ceilings) for ceilings in saved]
        print_json(documents if len(documents) > 1 else documents[0])
    return Exit.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """The calibration of the gate."""

    #: What units are recorded of.
    selection: Selection
    #: As given by --load.
    modules: tuple[str, ...]
    #: Of contenders, in each of two processes.
    limits: Limits
    #: Those whose error rates are found.
    rules: GateRules
    #: The folder, if none is resumed.
    new: NewRun
    #: The folder to go on with; None for a new one.
    resumed: RunFolder | None
    output: Output
    #: Numbers of units by each method.
    twins: int
    pairs: int
    #: Shares that are injected.
    slowdowns: tuple[float, ...]
    #: Number of sessions that are resampled.
    sessions: int
    #: The machine that the calibration is of: its device and threads.
    device: str
    threads: int
    #: The file of the plot, if any.
    plot: Path | None


def _calibrate_gate(request: _Request) -> Exit:
    """Record units, derive the error rates of gates from them, and keep these."""
    from opbench.results.records.machine_cache import CALIBRATIONS
    from opbench.results.report.machine import calibration_table

    with resumable("calibrate") as progress:
        folder = _record(request, progress)
        calibration = _calibration(request, folder)
        folder.append(calibration)
        CALIBRATIONS.save(calibration)
        if request.output.json:
            print_json({"run": str(folder.path), "calibration": plain(calibration)})
        else:
            draw((calibration_table(calibration),))
            print(f"run: {folder.path}")
        if request.plot:
            from opbench.dashboards.power import curve

            with output_file(request.plot):
                request.plot.write_bytes(curve(calibration))
    return Exit.OK


def _request(args: argparse.Namespace) -> _Request:
    """The calibration, with the options of the folder that is resumed, if any."""
    if args.plot:
        ensure_file_can_be(args.plot)
    resumed = None
    if args.resume:
        given = options.given(args)
        resumed, settings = open_resumed(args.resume, verb="calibrate", given=given)
        options.restore(args, settings)
    return _Request(
        selection=_selection(args),
        modules=options.modules(args),
        limits=options.limits(args, workers=2),
        rules=options.gate_rules(args),
        new=options.new_run(args),
        resumed=resumed,
        output=options.output(args),
        twins=args.units,
        pairs=args.pairs,
        slowdowns=tuple(args.slowdowns),
        sessions=args.sessions,
        device=args.device or "cpu",
        threads=args.threads or usable_cores(),
        plot=args.plot,
    )


def _selection(args: argparse.Namespace) -> Selection:
    """The selection; that of the default suite where nothing was chosen."""
    from dataclasses import replace

    from opbench.harness.regression.calibration import SUITE

    selection = options.selection(args)
    if any(getattr(args, name) for name in _CHOOSING):
        return selection
    return replace(selection, names=SUITE.names, impls=SUITE.impls, expression=SUITE.expression)


def _record(request: _Request, progress: RunInProgress) -> RunFolder:
    """Record the units of the project against itself, and return their folder."""
    from opbench.harness.regression.calibration import record
    from opbench.harness.regression.setup import set_up_against_itself

    plan, environment = set_up_against_itself(request.selection, request.modules, request.limits)
    folder = request.resumed or create_in(request.new, environment)
    progress.folder = folder.path
    with gate_progress(request.output) as observer:
        record(
            plan,
            folder,
            slowdowns=request.slowdowns,
            twins=request.twins,
            pairs=request.pairs,
            observer=observer,
        )
    return folder


def _calibration(request: _Request, folder: RunFolder) -> Calibration:
    """The error rates of gates, resampled from the units of a folder."""
    from opbench.results.records import Unit
    from opbench.results.records.machine import Machine
    from opbench.results.regression.calibration import calibration_of
    from opbench.results.regression.resampling import replicates_of

    info = folder.info
    return calibration_of(
        replicates_of(line for line in folder.lines() if isinstance(line, Unit)),
        request.rules,
        machine=Machine(info.environment.key, request.device, request.threads),
        created=info.created,
        sessions=request.sessions,
        slowed_sessions=request.sessions,
    )
