"""A run as Markdown: the winner of each case of each op, and where and how it was measured."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path

from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records.run_folder import open_run
from opbench.results.report.frames import nothing_in
from opbench.results.report.leaderboard import winners_table
from opbench.results.report.markdown import escape, render


def export(run: str | Path, target: Path) -> None:
    """Write the winners of `run` to `target`.

    Raises NothingRecordedError where the run has no races.
    """
    folder = open_run(run)
    info, boards = folder.info, sorted(boards_of(folder), key=lambda board: board.case.op)
    if not boards:
        raise nothing_in(folder, "race")
    measured = sum(bool(board.measured) for board in boards)
    command = shlex.join((*(Path(name).name for name in info.command[:1]), *info.command[1:]))
    day = info.created[:10] or "an unknown day"
    parts = [
        "# Who won\n",
        f"Measured by `{command}` on {day}; written by `opbench export --format "
        f"winners`. {measured} of {len(boards)} cases have a contender that was timed.\n",
        'Times are of this machine in that hour; ratios were taken within a race. "As good" are '
        f'those shown to be within {info.rules.tie:.0%} of the best, and, marked "perhaps", those '
        "that could not be told from it in the time given.\n",
        "".join(f"- {escape(name)}: {escape(value)}\n" for name, value in info.environment.stable),
    ]
    for op, group in itertools.groupby(boards, key=lambda board: board.case.op):
        parts.append(render(winners_table(list(group), title=op)))
    target.write_text("\n".join(parts), encoding="utf-8")
