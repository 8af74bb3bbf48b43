"""`opbench gate`: whether a change made contenders slower, against a base measured beside it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import options
from harness.commands import common
from harness.exits import Exit, of_gate
from harness.lazy import import_lazily
from harness.terminal import draw, gate_progress

if TYPE_CHECKING:
    from results.triage import Accepted

    from harness.arena import Asked
    from results.gate_report import Report
    from results.store import RunFolder

HELP = "compare two versions and fail where one is slower"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_selection(verb)
    options.add_json(verb)
    options.add_out(verb)
    what = verb.add_argument_group("what is compared")
    base = what.add_mutually_exclusive_group(required=True)
    base.add_argument("--base", metavar="REF", help="a git ref, checked out beside the head")
    base.add_argument("--base-python", metavar="PATH", help="an interpreter with another torch")
    base.add_argument("--base-run", metavar="RUN", help="a recorded run: much weaker evidence")
    add = what.add_argument
    add("--head", default=".", metavar="REF", help="default: the working tree as it is")
    add("--build", default="", metavar="CMD", help="builds a version that was checked out")
    add = verb.add_argument_group("decision").add_argument
    add(
        "--alpha",
        type=options.share,
        default=0.01,
        metavar="P",
        help="share of harmless changes that may fail, over all they touch (default: 1%%)",
    )
    add(
        "--min-slowdown",
        type=options.share,
        default=0.03,
        metavar="P",
        help="the smallest slowdown that matters (default: 3%%)",
    )
    add(
        "--budget",
        type=options.duration,
        default=600.0,
        metavar="TIME",
        help="after which nobody new is looked at: 90s, 10m (default: 10m)",
    )
    add("--method", choices=("auto", "twins", "pairs"), default="auto")
    add("--accepted", metavar="FILE", help="accepted changes (default: the head's own list)")
    add("--summary", metavar="FILE", help="append the verdicts to this file, as Markdown")
    options.add_limits(verb)


def main(words: argparse.Namespace) -> Exit:
    """Compare the versions, and print what was found of each contender."""
    from harness.process import WorkerError
    from results.errors import VersionError

    import_lazily("torch")
    try:
        with _terminated_as_interrupted():
            folder, report = _session(words)
    except (VersionError, WorkerError) as error:
        print(f"opbench gate: {error}", file=sys.stderr)
        return Exit.NOTHING
    _tell(words, folder, report)
    return of_gate(report, words.names)


def _session(words: argparse.Namespace) -> tuple[RunFolder, Report]:
    from harness.arena import opened
    from harness.gate import gate
    from harness.process import Limits, usual_memory
    from results.gate_report import report_of
    from results.record import Gate, GateRules

    rules = GateRules(words.alpha, words.min_slowdown)
    limits = Limits(words.timeout, words.memory_limit or usual_memory() // 2)
    with opened(_asked(words), limits) as arena:
        accepted = _accepted(words, arena.root)
        folder = common.create_in(words, arena.head.environment)
        folder.append(Gate(arena.base, arena.head, arena.method, rules, arena.note))
        for lacking in arena.common.alone:
            folder.append(lacking)
        with gate_progress(quiet=words.json) as reporter:
            gate(
                arena.contest,
                folder,
                method=arena.method,
                rules=rules,
                budget_s=words.budget,
                reporter=reporter,
            )
    return folder, report_of(folder, accepted)


def _asked(words: argparse.Namespace) -> Asked:
    from harness.arena import Asked

    return Asked(
        words.base or "",
        words.head,
        words.base_python or "",
        words.build,
        options.selection(words),
        tuple(words.load),
        words.method,
    )


def _accepted(words: argparse.Namespace, root: Path) -> Sequence[Accepted]:
    """The changes that are accepted. Raises TriageError for entries that are broken or expired."""
    from datetime import date

    from results.triage import NAME, expired, read

    path = Path(words.accepted) if words.accepted else root / NAME
    if not words.accepted and not path.exists():
        return ()
    entries = read(path)
    expired(entries, date.today())
    return entries


def _tell(words: argparse.Namespace, folder: RunFolder, report: Report) -> None:
    from results.gate_text import headline, markdown, tables

    if words.summary:
        with Path(words.summary).open("a", encoding="utf-8") as file:
            file.write(markdown(report, folder.path))
    if words.json:
        common.print_json(_plain(folder, report))
        return
    draw(tables(report))
    print(headline(report))
    print(f"run: {folder.path}")


def _plain(folder: RunFolder, report: Report) -> dict[str, Any]:
    return {
        "run": str(folder.path),
        "gate": common.plain(report.gate),
        "void": report.is_void,
        "findings": [common.plain(found) for found in report.findings],
        "uncompared": [common.plain(item) for item in report.uncompared],
        "nulls": [common.plain(found) for found in report.nulls],
    }


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Being told to end clears up as Ctrl-C does: worktrees are removed, processes ended."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
