"""`opbench show`: the leaderboards and profiles of a recorded run, or the verdicts of a gate."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit, of_gate, of_outcomes
from opbench.harness.cli.terminal import draw

if TYPE_CHECKING:
    from opbench.results.records import Case
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.regression.report import Report

HELP = "print the leaderboards of a run, or the verdicts of a gate"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_recorded(verb)
    options.add_json(verb)
    options.add_cases(verb)


def main(words: argparse.Namespace) -> Exit:
    """Print the run's leaderboards, operators and what is unfinished; or what a gate found."""
    from opbench.harness.planning.expression import matches
    from opbench.results.regression.report import recorded

    def is_asked(case: Case) -> bool:
        named = not words.names or case.op in words.names
        return named and matches(words.expression, case.key)

    folder = common.recorded(words)
    common.ensure_recorded(words, folder, picked=lambda case, _: is_asked(case))
    report = recorded(folder)
    if report is None:
        return _show_run(words, folder, is_asked)
    return _show_gate(words, folder, report.only(is_asked), is_asked)


def _show_run(
    words: argparse.Namespace, folder: RunFolder, is_asked: Callable[[Case], bool]
) -> Exit:
    from opbench.harness.cli.outlook import outlooks, sentences
    from opbench.results.ranking.leaderboard import boards_of
    from opbench.results.records.anchors import without_anchors
    from opbench.results.report.history import anchors_text
    from opbench.results.report.leaderboard import leaderboard_table

    found = [board for board in boards_of(folder) if is_asked(board.case)]
    profiles = [item for item in folder.profiles() if is_asked(item.case)]
    records = folder.records()
    open_cases = outlooks(found, records, folder.info.rules)
    if words.json:
        common.print_json(
            {
                "run": str(folder.path),
                "boards": [common.plain(board) for board in found],
                "profiles": [common.plain(item) for item in profiles],
                "outlook": [common.plain(outlook) for outlook in open_cases],
            }
        )
    else:
        draw(leaderboard_table(board) for board in found)
        for outlook in open_cases:
            print(*sentences(outlook, shlex.quote(str(folder.path))), sep="\n")
        _draw_profiles(folder, is_asked)
        for line in anchors_text(records) if records else ():
            print(line)
        for job in folder.unfinished():
            if is_asked(job.case):
                print(f"unfinished: {job.contender} on {job.case.op} {job.case.label}")
    if not records and not profiles:
        print(f"opbench show: nothing was recorded in {folder.path}", file=sys.stderr)
    asked = [r for r in without_anchors(records) if is_asked(r.case)]
    # A profile is no race, and all that there is to show of it was shown.
    return of_outcomes(r.outcome for r in asked) if asked or not profiles else Exit.OK


def _show_gate(
    words: argparse.Namespace, folder: RunFolder, report: Report, is_asked: Callable[[Case], bool]
) -> Exit:
    if not words.json:
        _draw_profiles(folder, is_asked)
    common.print_gate(folder, report, as_json=words.json)
    begun_with = json.loads(dict(report.settings).get("names", "[]"))
    return of_gate(report, words.names or begun_with)


def _draw_profiles(folder: RunFolder, is_asked: Callable[[Case], bool]) -> None:
    """The operators of what was profiled; of two versions, what grew."""
    from opbench.results.regression.profile_diff import differences
    from opbench.results.report.profiles import difference_table, operators_table

    profiles = [item for item in folder.profiles() if is_asked(item.case)]
    draw(operators_table(item) for item in profiles if not item.side)
    draw(map(difference_table, differences(profiles)))
