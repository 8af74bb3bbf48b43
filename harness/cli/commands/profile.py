"""`opbench profile`: where the time and the memory of contenders go, and what grew of it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit, code_of, of_outcomes, worst
from opbench.harness.cli.option_types import count
from opbench.harness.cli.terminal import draw, progress
from opbench.harness.system.lazy_import import import_lazily
from opbench.harness.versions.worktrees import HERE

if TYPE_CHECKING:
    from opbench.harness.regression.setup import Setup
    from opbench.results.records import Profile, Record, Uncompared
    from opbench.results.records.run_folder import RunFolder

HELP = "profile contenders: traces, operators, memory; with --base, what grew"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_selection(verb)
    options.add_json(verb)
    options.add_quiet(verb)
    options.add_out(verb)
    options.add_versions(verb, required=False)
    verb.add_argument("--run", metavar="RUN", help="add the profiles to this run")
    options.add_isolation(verb)
    verb.add_argument(
        "--top", type=count(1, 1_000_000), default=8, help="operators shown (default: 8)"
    )


def main(words: argparse.Namespace) -> Exit:
    """Profile the selected contenders, or two versions of them, and print the operators."""
    from opbench.results.errors import SelectionError

    if words.base or words.base_python:
        if words.in_process:
            raise SelectionError("two versions need a process each: leave --in-process out")
        return _versions(words)
    if words.head != HERE or words.build:
        raise SelectionError("--head and --build are of two versions: say with --base which other")
    return _contenders(words)


def _contenders(words: argparse.Namespace) -> Exit:
    from opbench.harness.pipeline.profile import profile
    from opbench.harness.planning.cases import plan
    from opbench.results.records import Profile, Record

    with progress(words) as observer, common.supervised(words) as supervisor:
        catalog = common.load(words)
        races = plan(catalog, options.selection(words))
        folder = _begun(words.run) if words.run else common.create(words, supervisor)
        words.folder = folder.path
        observer.expect(races)
        found = profile(catalog, races, folder, supervisor=supervisor, observer=observer)
    profiles = [item for item in found if isinstance(item, Profile)]
    refused = [item for item in found if isinstance(item, Record)]
    _tell_contenders(words, folder, profiles, refused)
    code = of_outcomes(record.outcome for record in refused)
    return worst(code_of(record.outcome) for record in refused) if profiles else code


def _tell_contenders(
    words: argparse.Namespace,
    folder: RunFolder,
    profiles: Sequence[Profile],
    refused: Sequence[Record],
) -> None:
    from opbench.results.records import Measured
    from opbench.results.report.profiles import operators_table
    from opbench.results.report.table import format_bytes

    if words.json:
        common.print_json(
            {"run": str(folder.path), "profiles": [common.plain(p) for p in profiles]}
        )
        return
    for item in profiles:
        table = operators_table(item)
        draw([dataclasses.replace(table, rows=table.rows[: words.top])])
        print(f"peak memory per call: {format_bytes(item.peak_bytes)}   trace: {item.trace}\n")
    for record in refused:
        assert not isinstance(record.outcome, Measured)
        print(f"{record.contender}: {record.outcome.reason}")
    print(f"run: {folder.path}")


def _versions(words: argparse.Namespace) -> Exit:
    from opbench.harness.execution.process import Limits, WorkerError, default_memory
    from opbench.harness.regression.profile import profile_versions
    from opbench.harness.regression.setup import set_up
    from opbench.results.errors import VersionError
    from opbench.results.records import Profile, Uncompared
    from opbench.results.regression.profile_diff import differences

    import_lazily("torch")
    limits = Limits(words.timeout, words.memory_limit or default_memory() // 2)
    try:
        with (
            progress(words) as observer,
            set_up(common.versions(words, method="pairs"), limits) as setup,
        ):
            for warning in setup.warnings:
                print(f"opbench profile: warning: {warning}", file=sys.stderr)
            folder = _folder(words, setup)
            words.folder = folder.path
            observer.expect(setup.plan.races)
            found = profile_versions(setup.plan, folder, observer=observer)
    except (VersionError, WorkerError) as error:
        print(f"opbench profile: {error}", file=sys.stderr)
        return Exit.NOTHING
    profiles = [item for item in found if isinstance(item, Profile)]
    refused = [item for item in (*setup.common.alone, *found) if isinstance(item, Uncompared)]
    _tell_versions(words, folder, profiles, refused)
    outcomes = [o for item in refused for o in (item.outcome.base, item.outcome.head) if o]
    return worst(map(code_of, outcomes)) if differences(profiles) else of_outcomes(outcomes)


def _folder(words: argparse.Namespace, setup: Setup) -> RunFolder:
    """The run that was asked for, or a new one that says which commits were profiled."""
    if words.run:
        return _begun(words.run)
    sides = (("base_commit", setup.base.commit), ("head_commit", setup.head.commit))
    commits = tuple((name, json.dumps(commit)) for name, commit in sides)
    folder = common.create_in(words, setup.head.environment, settings=commits)
    for lacking in setup.common.alone:
        folder.append(lacking)
    return folder


def _begun(path: str) -> RunFolder:
    """The run that profiles are added to. It can be read and written, or RunFolderError."""
    from opbench.results.records.run_folder import open_run

    folder = open_run(path)
    _ = folder.info
    folder.ensure_writable()
    return folder


def _tell_versions(
    words: argparse.Namespace,
    folder: RunFolder,
    profiles: Sequence[Profile],
    refused: Sequence[Uncompared],
) -> None:
    from opbench.results.records.comparison import is_idle
    from opbench.results.regression.profile_diff import differences
    from opbench.results.report.findings import uncompared_table
    from opbench.results.report.profiles import difference_table, summary

    found = differences(profiles)
    # Who runs in neither version is told of only where there is nothing else to tell.
    listed = [item for item in refused if not found or not is_idle(item)]
    if words.json:
        common.print_json(
            {
                "run": str(folder.path),
                "differences": [common.plain(diff) for diff in found],
                "unprofiled": [common.plain(item) for item in refused],
            }
        )
        return
    for diff in found:
        draw([difference_table(diff, top=words.top)])
        print(f"{summary(diff)}\ntraces: {diff.base_trace}   {diff.head_trace}\n")
    if listed:
        draw([uncompared_table(listed, title="not profiled in both versions")])
    print(f"run: {folder.path}")
