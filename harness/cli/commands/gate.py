"""`opbench gate`: whether a change made contenders slower, against a base measured beside it.

With `--base-run` the base is a recorded run instead (`gate_against_run`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, options, summary_file
from opbench.harness.cli.commands import gate_against_run
from opbench.harness.cli.exit_codes import Exit, of_gate
from opbench.harness.cli.gate_output import gate_columns, print_gate
from opbench.harness.cli.option_types import duration
from opbench.harness.cli.output import complain, warn
from opbench.harness.cli.run_folder import RunInProgress, create_in, resumable
from opbench.harness.cli.terminal import gate_progress
from opbench.harness.system.lazy_import import import_lazily
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.execution.process import Limits
    from opbench.harness.planning.selection import Race
    from opbench.harness.regression.setup import ComparisonRequest, Setup
    from opbench.results.records import Gate, GateRules
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.regression.report import Report

HELP = "compare two versions and fail where one is slower"
_VERBOSE = "list what both versions share, and why they can't be twins at full length"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_selection(parser)
    arguments.add_json(parser)
    arguments.add_columns(parser)
    arguments.add_quiet(parser)
    arguments.add_out(parser)
    base = arguments.add_versions(parser, required=True)
    base("--base-run", metavar="RUN", help="a recorded run: much weaker evidence")
    add = arguments.add_rules(parser.add_argument_group("decision"))
    add(
        "--budget",
        type=duration,
        default=600.0,
        metavar="TIME",
        help="after which no new contender is looked at: 90s, 10m (default: 10m)",
    )
    add("--method", choices=("auto", "twins", "pairs"), default="auto")
    add("--accepted", metavar="FILE", help="accepted changes (default: the head's own list)")
    add("--summary", metavar="FILE", help="append the verdicts to this file, as Markdown")
    add("--explain", action="store_true", help="say why, for the slowest of those that are slower")
    add("-v", "--verbose", action="store_true", help=_VERBOSE)
    arguments.add_limits(parser)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """The session that is to be held."""

    #: The versions and the selection.
    versions: ComparisonRequest
    #: Of contenders, in each of two processes.
    limits: Limits
    #: The decision rules.
    rules: GateRules
    #: The folder of the session.
    new: NewRun
    output: Output
    #: Seconds after which no new contender is looked at.
    budget_s: float
    #: The file of accepted changes; None for that of the head.
    accepted: Path | None
    #: Whether what is slower is explained.
    explain: bool


def run(args: argparse.Namespace) -> Exit:
    """Compare the versions, and print the findings."""
    from opbench.results.report.gate import markdown

    import_lazily("torch")
    columns = options.columns(args)
    columns.ensure_known(gate_columns())
    append = summary_file.appender(args.summary or "")
    if args.base_run:
        return gate_against_run.run(_against_run(args), append, columns)
    request = _Request(
        versions=options.comparison_request(args, method=args.method),
        limits=options.limits(args, workers=2),
        rules=options.gate_rules(args),
        new=options.new_run(args),
        output=options.output(args),
        budget_s=args.budget,
        accepted=Path(args.accepted) if args.accepted else None,
        explain=args.explain,
    )
    with resumable("gate") as progress:
        folder, report = _session(request, progress)
        try:
            print_gate(folder, report, columns, as_json=request.output.json)
        finally:
            append(markdown(report, folder.path))
    return of_gate(report, request.versions.selection.names)


def _against_run(args: argparse.Namespace) -> gate_against_run.Request:
    """The comparison with a recorded run. Raises SelectionError if a head is given."""
    if args.head != ".":
        raise SelectionError("--base-run is compared with what is installed here: leave --head out")
    options.ensure_heeded(args, ("build", "method", "accepted"), "--base-run")
    return gate_against_run.Request(
        base=Path(args.base_run),
        selection=options.selection(args),
        selector=options.recorded_filter(args),
        modules=options.modules(args),
        limits=options.limits(args),
        rules=options.gate_rules(args),
        new=options.new_run(args),
        output=options.output(args),
        budget_s=args.budget,
    )


def _session(request: _Request, progress: RunInProgress) -> tuple[RunFolder, Report]:
    """Set up both versions, hold the session, and read its report."""
    from opbench.harness.regression.gate import gate
    from opbench.harness.regression.setup import set_up
    from opbench.results.regression.report import copy_accepted, report_of

    with set_up(request.versions, request.limits) as setup:
        accepted = _accepted(request.accepted, setup.root)
        folder = create_in(request.new, setup.head.environment)
        progress.folder = folder.path
        if accepted:
            copy_accepted(folder, accepted)
        for detail in _details(setup) if request.output.verbose else ():
            complain("gate", detail)
        for warning in setup.warnings:
            warn("gate", warning)
        folder.append(_compared(setup, request.rules))
        _keep_calibrations(folder, setup.common.races)
        for lacking in setup.common.alone:
            folder.append(lacking)
        with gate_progress(request.output) as observer:
            gate(
                setup.plan,
                folder,
                method=setup.method,
                rules=request.rules,
                budget_s=request.budget_s,
                observer=observer,
                allow_pairs=request.versions.method != "twins",
            )
        if request.explain:
            _explain(setup, folder)
    return folder, report_of(folder)


def _explain(setup: Setup, folder: RunFolder) -> None:
    """Record why the slowest of those that are slower are so."""
    from opbench.harness.pipeline.explain import PASSES, POLICY
    from opbench.harness.regression.explain import explain_versions
    from opbench.results.regression.explain_commands import slowest
    from opbench.results.regression.report import report_of

    report = report_of(folder)
    races = {race.case: race for race in setup.plan.races}
    for finding in () if report.is_void else slowest(report.open_findings):
        race = races[finding.case].only([finding.contender])
        explain_versions(setup, race, folder, policy=POLICY, passes=PASSES)


def _details(setup: Setup) -> Iterator[str]:
    """What both versions share, and why they aren't twins at full length."""
    for name, place in setup.common.shared:
        yield f"both versions use {name} at {place}"
    if setup.note:
        yield f"as {setup.method}: {setup.note}"


def _compared(setup: Setup, rules: GateRules) -> Gate:
    """The first line of a gate's folder."""
    from opbench.results.records import Gate

    return Gate(
        base=setup.base,
        head=setup.head,
        method=setup.method,
        rules=rules,
        note=setup.note,
        warnings=setup.warnings,
    )


def _keep_calibrations(folder: RunFolder, races: Iterable[Race]) -> None:
    """Put the calibrations of gates on this machine into the folder, for each device."""
    from opbench.results.records.machine import Machine
    from opbench.results.records.machine_cache import CALIBRATIONS

    for device, threads in sorted({(race.case.device, race.case.threads) for race in races}):
        known = CALIBRATIONS.find(Machine(folder.info.environment.key, device, threads))
        if known is not None:
            folder.append(known)


def _accepted(given: Path | None, root: Path) -> Path | None:
    """The file of accepted changes, if any. Raises TriageError if it is broken or expired."""
    from datetime import date

    from opbench.results.regression.accepted import NAME, ensure_unexpired, read

    path = given or root / NAME
    if given is None and not path.exists():
        return None
    ensure_unexpired(read(path), date.today())
    return path
