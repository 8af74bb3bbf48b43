"""`opbench show`: the leaderboards and profiles of a recorded run, or the verdicts of a gate.

The exit code is the one that the run or the gate ended with.
"""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, board_text, options
from opbench.harness.cli.drawing import draw
from opbench.harness.cli.exit_codes import Exit, of_gate, of_outcomes
from opbench.harness.cli.explanations import draw_explanations
from opbench.harness.cli.gate_output import gate_columns, print_gate
from opbench.harness.cli.output import complain, plain, print_json
from opbench.harness.cli.run_folder import recorded
from opbench.results.errors import NothingRecordedError

if TYPE_CHECKING:
    from opbench.harness.cli.drawing import ColumnChoice
    from opbench.harness.cli.filter import Filter
    from opbench.harness.cli.output import Output
    from opbench.results.records.run_folder import RunFolder

HELP = "print the leaderboards of a run, or the verdicts of a gate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_recorded(parser)
    arguments.add_json(parser)
    arguments.add_columns(parser)
    arguments.add_cases(parser)
    parser.add_argument(
        "--traceback",
        metavar="CONTENDER",
        help="print the tracebacks of a contender that failed, instead",
    )


def run(args: argparse.Namespace) -> Exit:
    """Print the run's leaderboards, operators and what is unfinished; or a gate's findings."""
    from opbench.results.regression.report import find_report

    selector, output = options.recorded_filter(args), options.output(args)
    folder = recorded(args.run)
    selector.ensure_recorded(folder, by_contender=False)
    if args.traceback:
        return _show_tracebacks(folder, selector, args.traceback, output)
    gate, columns = find_report(folder), options.columns(args)
    columns.ensure_known(board_text.columns() if gate is None else gate_columns())
    if gate is None:
        return _show_run(folder, selector, output, columns)
    if not output.json:
        _draw_profiles(folder, selector)
    report = gate.only(selector.has_case)
    print_gate(folder, report, columns, as_json=output.json)
    begun_with = json.loads(dict(report.settings).get("names", "[]"))
    return of_gate(report, selector.names or begun_with)


def _show_run(folder: RunFolder, selector: Filter, output: Output, columns: ColumnChoice) -> Exit:
    """Print a run: leaderboards, outlooks, profiles, anchors and unfinished jobs."""
    from opbench.harness.cli.outlook_text import sentences
    from opbench.harness.pipeline.outlook import outlooks
    from opbench.results.ranking.leaderboard import boards_of
    from opbench.results.records.anchors import without_anchors
    from opbench.results.report.history import anchors_text

    boards = [board for board in boards_of(folder) if selector.has_case(board.case)]
    profiles = [item for item in folder.profiles() if selector.has_case(item.case)]
    explanations = [one for one in folder.explanations() if selector.has_case(one.case)]
    records = folder.records()
    open_cases = outlooks(boards, records, folder.info.rules)
    if output.json:
        print_json(
            {
                "run": str(folder.path),
                "boards": [plain(board) for board in boards],
                "profiles": [plain(item) for item in profiles],
                "explanations": [plain(item) for item in explanations],
                "outlook": [plain(outlook) for outlook in open_cases],
            }
        )
    else:
        board_text.draw_boards(boards, records, columns)
        for outlook in open_cases:
            print(*sentences(outlook, shlex.quote(str(folder.path))), sep="\n")
        _draw_profiles(folder, selector)
        draw_explanations(explanations)
        for line in anchors_text(records) if records else ():
            print(line)
        for job in folder.unfinished():
            if selector.has_case(job.case):
                print(f"unfinished: {job.contender} on {job.case.op} {job.case.label}")
    if not records and not profiles and not explanations:
        complain(output.verb, f"nothing was recorded in {folder.path}")
    selected = [r for r in without_anchors(records) if selector.has_case(r.case)]
    # Profiles and explanations are no races, and all that there is to show of them was shown.
    shown = profiles or explanations
    return of_outcomes(r.outcome for r in selected) if selected or not shown else Exit.OK


def _show_tracebacks(folder: RunFolder, selector: Filter, contender: str, output: Output) -> Exit:
    """Print the tracebacks of a contender.

    Raises SelectionError if the run doesn't have it, NothingRecordedError if it didn't fail.
    """
    from opbench.harness.cli.tracebacks import failures, text
    from opbench.results.records import Uncompared

    replace(selector, impls=(contender,), expression="").ensure_recorded(folder)
    refused = (line for line in folder.lines() if isinstance(line, Uncompared))
    failed = [
        failure
        for failure in failures((*folder.records(), *refused))
        if failure.contender == contender and selector.has_case(failure.case)
    ]
    if not failed:
        raise NothingRecordedError(f"{contender} did not fail in {folder.path}")
    if output.json:
        print_json({"run": str(folder.path), "failures": [plain(failure) for failure in failed]})
    else:
        print("\n".join(map(text, failed)), end="")
    return of_outcomes(failure.failed for failure in failed)


def _draw_profiles(folder: RunFolder, selector: Filter) -> None:
    """Draw the operators of what was profiled; of two versions, what grew."""
    from opbench.results.regression.profile_diff import differences
    from opbench.results.report.profiles import difference_table, operators_table

    profiles = [item for item in folder.profiles() if selector.has_case(item.case)]
    draw(operators_table(item) for item in profiles if not item.side)
    draw(map(difference_table, differences(profiles)))
