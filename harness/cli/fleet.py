"""`opbench run --on ray`: a run that the nodes of a cluster make, and what is missing of it."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import options, storing
from opbench.harness.cli.catalogue import ensure_shapes, load_catalog
from opbench.harness.cli.exit_codes import Exit, worst
from opbench.harness.cli.output import complain, print_json
from opbench.harness.cli.parsing import listed
from opbench.harness.cli.serving import FURTHER
from opbench.harness.cli.terminal import progress
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.storing import Sharing
    from opbench.harness.fleet.drive import Driver
    from opbench.harness.fleet.engine import FleetRun
    from opbench.harness.fleet.kinds import FleetKind
    from opbench.harness.fleet.ray_engine import RayEngine
    from opbench.harness.planning.selection import Selection
    from opbench.results.records import Case

#: What would say nothing to nodes, which are other processes.
_OF_ONE_MACHINE = ("part", "in_process", "out", "columns", "wide", "verbose")
#: What may be given with --resume.
_FREE = {"on", "kinds", "resume", "json", "quiet", "timeout", "memory_limit"}


def run_on(args: argparse.Namespace) -> Exit:
    """Make the plan, print it, have it done, and say what became of it."""
    from opbench.harness.fleet.kinds import parse_kinds
    from opbench.harness.fleet.ray_engine import connected

    options.ensure_heeded(args, _OF_ONE_MACHINE, "--on")
    if args.resume:
        _restore(args)
    engine, _, address = args.on.partition(":")
    if engine != "ray":
        raise SelectionError(f"--on {args.on!r}: the engine is ray, ray:auto or ray:HOST:PORT")
    shared = storing.sharing(args.store, None, args.id)
    if shared is None:
        raise SelectionError("--on takes --store and --id: what nodes do goes into a store")
    kinds, output = parse_kinds(args.kinds), options.output(args)
    run = _run(args, shared, kinds)
    settings = {kind.name: _settings(args, kind) for kind in kinds}
    # Ray prints what happens to its nodes on standard output, which is for results.
    with redirect_stdout(sys.stderr), connected(address, settings, str(Path.cwd())) as ray:
        try:
            driver = _drive(run, ray, output, args.budget)
        except KeyboardInterrupt as error:
            error.add_note(_hint(args, shared))
            raise
    return _report(driver, shared, output)


def _hint(args: argparse.Namespace, shared: Sharing) -> str:
    """Where the run is that was interrupted, and how to go on with it."""
    kinds = f" --kinds {shlex.quote(args.kinds)}" if args.kinds else ""
    options = f"--resume {shlex.quote(shared.url)} --on {shlex.quote(args.on)}{kinds}"
    return f"what is done is in {shared.url}; it goes on with `opbench run {options}`"


def _restore(args: argparse.Namespace) -> None:
    """Take over the options of the run that is resumed. Raises SelectionError for others."""
    from opbench.results.store.attempts import StoredRun
    from opbench.results.store.collecting import collect
    from opbench.results.store.urls import parse

    if other := args.given - _FREE:
        raise SelectionError(
            f"a run goes on as it was begun: leave {listed(other)} out with --resume"
        )
    address = parse(args.resume)
    heads = [one.info for one in collect(StoredRun(address.store, address.name))]
    settings = {name: json.loads(value) for name, value in heads[0].settings}
    options.restore(args, settings)
    args.store, args.id = address.store, address.name
    kinds = [json.loads(dict(info.settings).get("kind", '""')) for info in heads]
    args.kinds = args.kinds or ",".join(filter(None, dict.fromkeys(kinds)))


def _settings(args: argparse.Namespace, kind: FleetKind) -> str:
    """The options of a kind's nodes as text."""
    settings = {name: json.loads(value) for name, value in options.dump(args)}
    settings |= {name: getattr(args, name) for name in FURTHER}
    settings |= {"kind": kind.name} if kind.name else {}
    settings |= {"device": kind.device} if kind.device else {}
    return json.dumps(settings)


def _run(args: argparse.Namespace, shared: Sharing, kinds: tuple[FleetKind, ...]) -> FleetRun:
    """The run with the cases of each kind."""
    from opbench.harness.fleet.engine import FleetRun
    from opbench.results.store.attempts import StoredRun
    from opbench.results.store.nodes import NodeHistory

    selection = options.selection(args)
    return FleetRun(
        stored=StoredRun(shared.store, shared.name),
        history=NodeHistory(shared.store),
        kinds=kinds,
        cases={kind.name: _cases(args, selection, kind) for kind in kinds},
    )


def _cases(args: argparse.Namespace, selection: Selection, kind: FleetKind) -> Mapping[str, Case]:
    """The cases of a kind by their names."""
    from opbench.harness.fleet.messages import name_of
    from opbench.harness.planning.cases import plan

    if kind.device:
        selection = replace(selection, devices=(kind.device,))
    catalog = load_catalog(options.modules(args))
    races = plan(catalog, selection)
    ensure_shapes(catalog, selection, races)
    return {name_of(race.case): race.case for race in races}


def _drive(run: FleetRun, engine: RayEngine, output: Output, budget_s: float) -> Driver:
    """Print the plan, and do it."""
    from opbench.harness.fleet.drive import Driver
    from opbench.harness.fleet.engine import FleetObserver
    from opbench.harness.fleet.kinds import plan_lines
    from opbench.harness.fleet.plan import Planner
    from opbench.harness.planning.selection import Race

    counts = {kind: len(cases) for kind, cases in run.cases.items()}
    for line in plan_lines(run.kinds, counts, engine.nodes(), budget_s):
        complain(output.verb, line)
    with progress(output) as shown:

        class Shown(FleetObserver):
            def done(self, case: Case, node: str) -> None:
                """Show how far the run is."""
                shown.end_case(Race(case, ()))

            def note(self, text: str) -> None:
                """Print it."""
                complain(output.verb, text)

        shown.expect([Race(case, ()) for cases in run.cases.values() for case in cases.values()])
        planner, observer = Planner(run.cases), Shown()
        driver = Driver(
            run=run, engine=engine, planner=planner, observer=observer, clock=time.monotonic
        )
        driver.drive()
    return driver


def _report(driver: Driver, shared: Sharing, output: Output) -> Exit:
    """Print what became of the run, and return its exit code."""
    missing = driver.missing()
    for kind, reason in missing.items():
        state = driver.planner.kinds[kind]
        what = f"{kind or 'all nodes'}: {state.total - state.done} of {state.total} cases"
        complain(output.verb, f"{what} not run because {reason}")
    if output.json:
        print_json(_document(driver, shared, missing))
    else:
        _print(driver, shared)
    codes = [_CODES[name] for name in driver.outcomes if name in _CODES]
    if missing:
        codes.append(Exit.INCONCLUSIVE if driver.heads else Exit.NOTHING)
    return worst(codes)


#: Of the outcomes of contenders.
_CODES = {"Wrong": Exit.WRONG, "Failed": Exit.FAILED}


def _print(driver: Driver, shared: Sharing) -> None:
    """Print a line for each kind, and where the run is."""
    for kind, state in driver.planner.kinds.items():
        failed = f", {state.failed} of them recorded as failed" if state.failed else ""
        print(f"{kind or 'all nodes'}: {state.done} of {state.total} cases done{failed}")
    print(f"{shared.hint}   kinds: opbench matrix {shared.url}")


def _document(driver: Driver, shared: Sharing, missing: Mapping[str, str]) -> dict[str, object]:
    """What became of the run, as JSON."""
    kinds = {
        kind: {
            "environment": state.key,
            "cases": state.total,
            "done": state.done,
            "failed": state.failed,
            "not run because": missing.get(kind, ""),
        }
        for kind, state in driver.planner.kinds.items()
    }
    return {
        "run": shared.url,
        "kinds": kinds,
        "outcomes": dict(driver.outcomes),
        "repeated": driver.planner.repeated,
        "quarantined": {n: why for nodes in driver.left_out.values() for n, why in nodes.items()},
    }
