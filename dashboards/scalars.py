"""The Scalars page: by how much the next contender of each case is behind the best, by round.

A ratio of blocks of one round is free of what slowed both down, so that it can be compared from run
to run; a line that bends is a machine, or a contender, that changed during the race. It is drawn in
percent above 1: at an axis of ratios near 1 TensorBoard writes "1" at every tick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from opbench.dashboards.events import PAGES, Entry, scalar
from opbench.dashboards.labels import slug
from opbench.dashboards.view import OpView
from opbench.results.ranking.leaderboard import Board, samples_of
from opbench.results.records import Case

#: More charts than these are no overview; the first cases have one.
MOST_CHARTS = 200
#: TensorBoard leaves the extremes of a chart out of the picture: of fewer points nothing is left.
_LEAST_POINTS = 3


def entries(views: Iterable[OpView]) -> Iterator[Entry]:
    """A line for each case with two contenders that met in three rounds, at most MOST_CHARTS."""
    raced = [(view, board) for view in views for board in view.boards if _ratios(view, board)]
    names = _names(board.case for _, board in raced)
    for view, board in raced[:MOST_CHARTS]:
        best, other = (row.contender for row in board.measured[:2])
        for step, ratio in enumerate(_ratios(view, board)):
            yield scalar(
                PAGES,
                f"{board.case.op}/{names[board.case]}/next_slower_by_percent",
                100 * (ratio - 1),
                step=step,
                description=f"How much longer {other} took than {best}. The step is the round.",
            )


def run_of(contender: str) -> str:
    """The run of the log that is the contender's line.

    Its name is the contender's, in a form that a folder may have.
    """
    return f"contenders/{slug(contender)}"


def _ratios(view: OpView, board: Board) -> list[float]:
    """The ratio of the next to the best in each round that both have; none of too few rounds."""
    if len(board.measured) < 2:
        return []
    best, other = (
        samples_of(view.measured[board.case, row.contender], row.contender)
        for row in board.measured[:2]
    )
    ratios = [other[key] / best[key] for key in best if key in other]
    return ratios if len(ratios) >= _LEAST_POINTS else []


def _names(cases: Iterable[Case]) -> Mapping[Case, str]:
    """A name for each case, which doesn't depend on the other runs; its key where it has no own."""
    cases = list(cases)
    count = Counter((case.op, case.label) for case in cases)
    return {case: case.label if count[case.op, case.label] == 1 else case.key for case in cases}
