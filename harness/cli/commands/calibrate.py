"""`opbench calibrate`: what this machine can do at most, and how often the gate errs on it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.option_types import count, duration, shares
from opbench.harness.cli.parsing import listed
from opbench.harness.cli.resuming import open_resumed
from opbench.harness.cli.terminal import busy, draw, gate_progress
from opbench.harness.system.lazy_import import import_lazily
from opbench.results.errors import SelectionError, UnsupportedError
from opbench.results.records.output_paths import ensure_apart_from_runs

if TYPE_CHECKING:
    from opbench.harness.planning.selection import Selection
    from opbench.results.records import Calibration, Ceilings
    from opbench.results.records.run_folder import RunFolder

HELP = "measure what this machine can do at most, or how often the gate errs on it"
#: Where any of these was given, the usual suite is not what is asked for.
_CHOOSING = ("names", "expression", "impls", "inputs", "board")
#: The words that either understands, and those of ceilings alone.
_OF_BOTH = {"gate", "ceilings", "device", "threads", "json", "quiet"}
_OF_CEILINGS = {"seconds", "fresh"}


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    what = verb.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--ceilings",
        action="store_true",
        help="measure what this machine can do at most, and keep it for later runs",
    )
    what.add_argument(
        "--gate",
        action="store_true",
        help="measure how often the gate errs, and what it finds, and keep it for later gates",
    )
    options.add_json(verb)
    options.add_quiet(verb)
    options.add_out(verb)
    options.add_selection(verb)
    _add_ceilings(verb)
    _add_gate(verb)
    options.add_limits(verb)


def _add_ceilings(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument_group("with --ceilings").add_argument
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


def _add_gate(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("with --gate (selection: 28 contenders and cases by default)")
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
    options.add_rules(group)
    add("--resume", metavar="RUN", help="go on with the units of this folder")
    add("--plot", type=Path, metavar="FILE.png", help="draw what is found of each slowdown")


def main(words: argparse.Namespace) -> Exit:
    """Measure, keep and print what was asked for."""
    other = _OF_CEILINGS if words.gate else words.given - _OF_CEILINGS - _OF_BOTH
    if ignored := words.given & other:
        what = "--gate" if words.gate else "--ceilings"
        raise SelectionError(f"{listed(ignored)} would say nothing to {what}: leave it out")
    return _gate(words) if words.gate else _ceilings(words)


def _ceilings(words: argparse.Namespace) -> Exit:
    from opbench.harness.machine.ceilings import measure
    from opbench.harness.machine.device import ensure_device
    from opbench.harness.machine.device_names import ensure_devices
    from opbench.harness.machine.environment import describe
    from opbench.results.ranking.ceilings import save
    from opbench.results.report.machine import ceilings_table

    devices = options.selection(words).devices
    ensure_devices(devices)
    try:
        for device in devices:
            ensure_device(device)
    except UnsupportedError as error:
        print(f"opbench calibrate: {error}", file=sys.stderr)
        return Exit.NOTHING
    key = describe().key
    kept: list[Ceilings] = []
    for device in devices:
        with busy(words, f"measuring {device} for {words.seconds:g} s"):
            measured = measure(
                device=device,
                threads=words.threads or _cores(),
                budget_s=words.seconds,
                environment_key=key,
            )
        kept.append(save(measured, fresh=words.fresh))
        if not words.json:
            draw(ceilings_table(kept[-1]))
    if words.json:
        documents = [common.plain(ceilings) for ceilings in kept]
        common.print_json(documents if len(documents) > 1 else documents[0])
    return Exit.OK


def _gate(words: argparse.Namespace) -> Exit:
    """Record units, derive from them what gates are worth, and keep that."""
    from opbench.harness.execution.process import WorkerError
    from opbench.results.errors import VersionError
    from opbench.results.regression.calibration import save
    from opbench.results.report.machine import calibration_table

    import_lazily("torch")
    if words.plot:
        ensure_apart_from_runs(words.plot)
    try:
        folder = _recorded(words)
    except (VersionError, WorkerError) as error:
        print(f"opbench calibrate: {error}", file=sys.stderr)
        return Exit.NOTHING
    known = _calibration(words, folder)
    folder.append(known)
    save(known)
    if words.plot:
        from opbench.dashboards.power import curve

        words.plot.write_bytes(curve(known))
    if words.json:
        common.print_json({"run": str(folder.path), "calibration": common.plain(known)})
    else:
        draw((calibration_table(known),))
        print(f"run: {folder.path}")
    return Exit.OK


def _recorded(words: argparse.Namespace) -> RunFolder:
    from opbench.harness.execution.process import Limits, usual_memory
    from opbench.harness.regression.calibration import record
    from opbench.harness.regression.setup import mirrored

    resumed = open_resumed(words) if words.resume else None
    limits = Limits(words.timeout, words.memory_limit or usual_memory() // 2)
    contest, environment = mirrored(_selection(words), tuple(words.load), limits)
    folder = resumed or common.create_in(words, environment)
    words.folder = folder.path
    with gate_progress(words) as reporter:
        record(
            contest,
            folder,
            slowdowns=words.slowdowns,
            twins=words.units,
            pairs=words.pairs,
            reporter=reporter,
        )
    return folder


def _calibration(words: argparse.Namespace, folder: RunFolder) -> Calibration:
    from opbench.results.records import GateRules, Unit
    from opbench.results.regression.calibration import calibration_of
    from opbench.results.regression.resampling import pool_of

    info = folder.info
    pool = pool_of(line for line in folder.lines() if isinstance(line, Unit))
    return calibration_of(
        pool,
        GateRules(words.alpha, words.min_slowdown),
        machine=(info.environment.key, words.device or "cpu", words.threads or _cores()),
        created=info.created,
        sessions=words.sessions,
        slowed_sessions=words.sessions,
    )


def _selection(words: argparse.Namespace) -> Selection:
    """What is asked for; the usual suite where nothing was chosen."""
    from dataclasses import replace

    from opbench.harness.regression.calibration import SUITE

    asked = options.selection(words)
    if any(getattr(words, name) for name in _CHOOSING):
        return asked
    return replace(asked, names=SUITE.names, impls=SUITE.impls, expression=SUITE.expression)


def _cores() -> int:
    return len(os.sched_getaffinity(0))
