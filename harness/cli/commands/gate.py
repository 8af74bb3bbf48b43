"""`opbench gate`: whether a change made contenders slower, against a base measured beside it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import options, summary_file
from opbench.harness.cli.commands import common, gate_against_run
from opbench.harness.cli.exit_codes import Exit, of_gate
from opbench.harness.cli.option_types import duration
from opbench.harness.cli.terminal import gate_progress
from opbench.harness.system.lazy_import import import_lazily

if TYPE_CHECKING:
    from opbench.harness.planning.selection import Race
    from opbench.harness.regression.setup import Arena
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.regression.report import Report

HELP = "compare two versions and fail where one is slower"
_VERBOSE = "list what both versions share, and why they can't be twins at full length"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_selection(verb)
    options.add_json(verb)
    options.add_quiet(verb)
    options.add_out(verb)
    base = options.add_versions(verb, required=True)
    base("--base-run", metavar="RUN", help="a recorded run: much weaker evidence")
    add = options.add_rules(verb.add_argument_group("decision"))
    add(
        "--budget",
        type=duration,
        default=600.0,
        metavar="TIME",
        help="after which nobody new is looked at: 90s, 10m (default: 10m)",
    )
    add("--method", choices=("auto", "twins", "pairs"), default="auto")
    add("--accepted", metavar="FILE", help="accepted changes (default: the head's own list)")
    add("--summary", metavar="FILE", help="append the verdicts to this file, as Markdown")
    add("-v", "--verbose", action="store_true", help=_VERBOSE)
    options.add_limits(verb)


def main(words: argparse.Namespace) -> Exit:
    """Compare the versions, and print what was found of each contender."""
    from opbench.harness.execution.process import WorkerError
    from opbench.results.errors import VersionError
    from opbench.results.report.gate import markdown

    import_lazily("torch")
    append = summary_file.appender(words.summary or "")
    if words.base_run:
        return gate_against_run.main(words, append)
    try:
        folder, report = _session(words)
    except (VersionError, WorkerError) as error:
        print(f"opbench gate: {error}", file=sys.stderr)
        return Exit.NOTHING
    try:
        common.print_gate(folder, report, as_json=words.json)
    finally:
        append(markdown(report, folder.path))
    return of_gate(report, words.names)


def _session(words: argparse.Namespace) -> tuple[RunFolder, Report]:
    from opbench.harness.execution.process import Limits, usual_memory
    from opbench.harness.regression.gate import gate
    from opbench.harness.regression.setup import opened
    from opbench.results.records import Gate, GateRules
    from opbench.results.regression.report import keep_accepted, report_of

    rules = GateRules(words.alpha, words.min_slowdown)
    limits = Limits(words.timeout, words.memory_limit or usual_memory() // 2)
    with opened(common.versions(words, method=words.method), limits) as arena:
        accepted = _accepted(words, arena.root)
        folder = common.create_in(words, arena.head.environment)
        if accepted:
            keep_accepted(folder, accepted)
        for line in _details(arena) if words.verbose else ():
            print(f"opbench gate: {line}", file=sys.stderr)
        for warning in arena.warnings:
            print(f"opbench gate: warning: {warning}", file=sys.stderr)
        compared = (arena.base, arena.head, arena.method, rules, arena.note, arena.warnings)
        folder.append(Gate(*compared))
        _keep_calibrations(folder, arena.common.races)
        for lacking in arena.common.alone:
            folder.append(lacking)
        with gate_progress(words) as reporter:
            gate(
                arena.contest,
                folder,
                method=arena.method,
                rules=rules,
                budget_s=words.budget,
                reporter=reporter,
                may_move=words.method != "twins",
            )
    return folder, report_of(folder)


def _details(arena: Arena) -> Iterator[str]:
    """What both versions share, and at length why they aren't twins."""
    for name, place in arena.common.shared:
        yield f"both versions use {name} at {place}"
    if arena.note:
        yield f"as {arena.method}: {arena.note}"


def _keep_calibrations(folder: RunFolder, races: Iterable[Race]) -> None:
    """Put into the folder what is known of gates on this machine, for each device."""
    from opbench.results.regression.calibration import find

    for device, threads in sorted({(race.case.device, race.case.threads) for race in races}):
        known = find(folder.info.environment.key, device, threads=threads)
        if known is not None:
            folder.append(known)


def _accepted(words: argparse.Namespace, root: Path) -> Path | None:
    """The file of accepted changes, if any. Raises TriageError where it is broken or expired."""
    from datetime import date

    from opbench.results.regression.accepted import NAME, expired, read

    path = Path(words.accepted) if words.accepted else root / NAME
    if not words.accepted and not path.exists():
        return None
    expired(read(path), date.today())
    return path
