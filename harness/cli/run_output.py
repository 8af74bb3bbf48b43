"""What `opbench run` prints: warnings, leaderboards, what would decide more, where the run is."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opbench.harness.cli import board_text
from opbench.harness.cli.output import plain, print_json, warn

if TYPE_CHECKING:
    from opbench.harness.cli.drawing import ColumnChoice
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.storing import Sharing
    from opbench.harness.pipeline.outlook import Outlook
    from opbench.results.ranking.leaderboard import Board
    from opbench.results.records import Record
    from opbench.results.records.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What is shown of a run."""

    #: The run.
    folder: RunFolder
    #: A leaderboard for each case.
    boards: Sequence[Board]
    #: Of the cases that are undecided.
    outlooks: Sequence[Outlook]
    #: The records of the races, those that the run had already included.
    records: Sequence[Record]
    #: Seconds by phase.
    spent_s: Mapping[str, float]
    #: What disturbed the races.
    warnings: Sequence[str]


def waiting(boards: Iterable[Board]) -> Iterator[str]:
    """A warning for each case on which threads waited for cores."""
    for board in boards:
        names = [row.contender for row in board.rows if row.waited]
        if names:
            yield (
                f"{board.case.op} {board.case.label}: threads waited for cores that others had "
                f"({', '.join(names)}); their times are the scheduler's. Race with --threads 1, or "
                "stop what else runs."
            )


def _document(report: RunReport, sharing: Sharing | None) -> dict[str, object]:
    """The report as JSON."""
    boards, outlooks = map(plain, report.boards), map(plain, report.outlooks)
    run = sharing.url if sharing else str(report.folder.path)
    document = {"run": run, "boards": [*boards], "outlook": [*outlooks]}
    return document | {"spent_s": report.spent_s, "warnings": report.warnings}


def print_report(
    report: RunReport, output: Output, columns: ColumnChoice, sharing: Sharing | None
) -> None:
    """Print the warnings, the leaderboards and outlooks; or all of it as JSON."""
    for warning in report.warnings:
        warn("run", warning)
    if output.json:
        print_json(_document(report, sharing))
        return
    from opbench.harness.cli.outlook_text import sentences
    from opbench.harness.cli.tracebacks import failures, text

    if output.quiet:
        for board in report.boards:
            print(board_text.line(board))
        return
    board_text.draw_boards(report.boards, report.folder.records(), columns)
    path = shlex.quote(str(report.folder.path))
    for outlook in report.outlooks:
        print(*sentences(outlook, path), sep="\n")
    for failure in failures(report.records) if output.verbose else ():
        print(f"\n{text(failure)}", end="")
    spent = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in report.spent_s.items())
    where = sharing.hint if sharing else f"run: {path}   dashboard: opbench dashboard {path}"
    print(f"spent: {spent}\n{where}")
