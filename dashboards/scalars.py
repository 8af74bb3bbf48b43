"""The Scalars page: what the best contender of each case took, by the run's place in its folder.

A point of each run, so that several runs in one folder make a series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from opbench.dashboards.events import PAGES, Entry, scalar
from opbench.dashboards.labels import slug
from opbench.dashboards.view import OpView
from opbench.results.records import Case
from opbench.results.records.anchors import AnchorTimes, nearest_anchor

#: What TensorBoard's step stands for.
_STEP = "The step is the place of the run among those of its folder, the oldest being 0."
#: More charts than these are no overview; the first cases have one.
MOST_CHARTS = 200


def entries(
    views: Iterable[OpView], anchors: Mapping[tuple[str, int], AnchorTimes], *, place: int
) -> Iterator[Entry]:
    """A point for each case that has a best contender, at most MOST_CHARTS.

    anchors: by device and threads; where there are none, times stand as they are. place: of the
    run among others.
    """
    bests = [best for view in views for best in _bests(view)]
    names = _names(case for case, _, _, _ in bests)
    for case, contender, time_s, anchor in bests[:MOST_CHARTS]:
        times = anchors.get((case.device, case.threads))
        unit = "relative" if times else "time_us"
        value = time_s / times.time_s(anchor) if times else time_s * 1e6
        over = f"over that of {anchor} in the same run" if times else "in microseconds"
        yield scalar(
            PAGES,
            f"{case.op}/{names[case]}/best_{unit}",
            value,
            step=place,
            description=f"Median time of the best contender, here {contender}, {over}. {_STEP}",
        )


def run_of(contender: str) -> str:
    """The run of the log that is the contender's line.

    Its name is the contender's, in a form that a folder may have.
    """
    return f"contenders/{slug(contender)}"


def _bests(view: OpView) -> Iterator[tuple[Case, str, float, str]]:
    """Of each case the best contender, its time, and the anchor of its kind."""
    for board in view.boards:
        for row in board.measured[:1]:
            measured = view.measured[board.case, row.contender]
            yield board.case, row.contender, row.time_s or 0.0, nearest_anchor(measured)


def _names(cases: Iterable[Case]) -> Mapping[Case, str]:
    """A name for each case, which doesn't depend on the other runs; its key where it has no own."""
    cases = list(cases)
    count = Counter((case.op, case.label) for case in cases)
    return {case: case.label if count[case.op, case.label] == 1 else case.key for case in cases}
