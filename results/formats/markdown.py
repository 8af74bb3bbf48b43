"""A run as Markdown: a leaderboard per case, grouped by op; of a gate, its summary."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records.run_folder import RunFolder, open_run
from opbench.results.report.markdown import escape, leaderboards, render
from opbench.results.report.profiles import operators_table


def export(run: str | Path, target: Path) -> None:
    """Write the leaderboards and operators of `run` to `target`, or the summary of a gate.

    Raises NothingRecordedError where the run has neither races, profiles nor a gate.
    """
    # They draw their tables with what is below.
    from opbench.results.regression.report import find_report
    from opbench.results.report.frames import nothing_in
    from opbench.results.report.gate import markdown

    folder = open_run(run)
    report = find_report(folder)
    if report is not None:
        target.write_text(markdown(report, folder.path), encoding="utf-8")
        return
    parts = [*_parts(folder)]
    if not parts:
        raise nothing_in(folder, "race, profile or gate")
    target.write_text("\n".join([f"# {escape(folder.info.id)}\n", *parts]), encoding="utf-8")


def _parts(folder: RunFolder) -> Iterator[str]:
    """A section for the leaderboards of each op, and one for all operators."""
    ordered = sorted(boards_of(folder), key=lambda board: board.case.op)
    for op, group in itertools.groupby(ordered, key=lambda board: board.case.op):
        yield f"## {escape(op)}\n\n{leaderboards(group)}"
    if profiles := folder.profiles():
        yield "## Operators\n\n" + "\n".join(map(render, map(operators_table, profiles)))
