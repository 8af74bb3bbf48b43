"""The regions of sizes in which each contender of an op is chosen, along axes and over two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.choices import chosen
from opbench.dashboards.plugin.lines import axes_of, measured_boards, series_along
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.dashboards.plugin.region_choices import Chosen, choices_for
from opbench.dashboards.plugin.region_maps import RegionMap, Slice, maps_of
from opbench.dashboards.plugin.region_strips import is_exact, strip_along
from opbench.dashboards.plugin.selection import one_run
from opbench.results.choosing.areas import Area, Stretch
from opbench.results.choosing.choice import Choice
from opbench.results.choosing.situations import Row, Situation, situation_of
from opbench.results.choosing.text import METHODS, notes, regions_table, regret_line, shape_text
from opbench.results.report.table import Table


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """What is chosen for the op that `op` names, the first without, in the run that `run` names.

    For each situation the regions in the words of the command, the measured shapes, and the areas
    over each two axes; for each line of a crossover, the stretches along it. Sizes are as the op's
    axes have them, and bytes along the traffic. Raises SelectionError for an op that isn't there.
    """
    run = one_run(log, query)
    ops = sorted({board.case.op for board in run.boards() if board.measured})
    if not ops:
        return {"ops": [], "op": None, "contenders": [], "choices": [], "strips": {}}
    op = chosen(query, "op", ops)
    choices = choices_for(run, op)
    return {
        "ops": ops,
        "op": op,
        "contenders": _contenders(run, op),
        "choices": [_choice(*item) for item in choices.items()],
        "strips": _strips(run, op, choices),
    }


def _contenders(run: ReadRun, op: str) -> list[str]:
    """All that were measured, in the order of their names."""
    boards = (board for board in run.boards() if board.case.op == op)
    return sorted({row.contender for board in boards for row in board.measured})


def _choice(situation: Situation, found: Chosen) -> dict[str, Any]:
    """What is chosen in a situation, in the words of the command, and as maps."""
    choice = found.choice
    head = {"situation": situation.label, "reason": found.reason}
    if choice is None:
        return head | {"notes": [], "maps": []}
    return head | {
        "shapes": len(choice.rows),
        "method": METHODS[choice.method],
        "cost": regret_line(choice.regrets["chosen"]),
        "table": _table(regions_table(choice)),
        "notes": [*notes(choice)],
        "rows": [_row(row, choice) for row in choice.rows],
        "maps": [_map(one) for one in maps_of(choice)],
    }


def _table(table: Table) -> dict[str, Any]:
    """A table for a page."""
    return {"columns": table.columns, "rows": table.rows}


def _row(row: Row, choice: Choice) -> dict[str, Any]:
    """A measured shape: the quickest of those that may be chosen there, and what is chosen."""
    return {
        "axes": {axis: _size(size) for axis, size in row.axes.items()},
        "best": min(choice.contenders, key=lambda name: row.times[name].time_s),
        "text": shape_text(choice, row.axes, row.shape),
    }


def _map(one: RegionMap) -> dict[str, Any]:
    """The regions over two axes."""
    return {"x": one.axes[0], "y": one.axes[1], "slices": [_slice(part) for part in one.slices]}


def _slice(part: Slice) -> dict[str, Any]:
    """The regions over two axes, the others held."""
    held = {axis: _size(size) for axis, size in part.held}
    return {"held": held, "shapes": part.shapes, "areas": [_area(area) for area in part.areas]}


def _area(area: Area) -> dict[str, Any]:
    """A region; its corners in two columns."""
    x, y = zip(*area.corners, strict=True)
    return {"contender": area.contender, "x": [*map(finite, x)], "y": [*map(finite, y)]}


def _strips(
    run: ReadRun, op: str, choices: Mapping[Situation, Chosen]
) -> dict[str, dict[str, dict[str, Any]]]:
    """By axis and by the name of the line, as the crossover has them, what is chosen along it."""
    boards, numbers = measured_boards(run, op), {one: n for n, one in enumerate(choices)}
    return {
        axis: {
            series.name: {
                "exact": is_exact(axis),
                "choices": sorted({numbers[situation_of(place.case)] for place in series.places}),
                "stretches": [_stretch(one) for one in strip_along(axis, series, choices)],
            }
            for series in series_along(axis, boards)
        }
        for axis in axes_of(boards)
    }


def _stretch(one: Stretch) -> dict[str, Any]:
    """A stretch of an axis."""
    return {"contender": one.contender, "low": _size(one.low), "high": _size(one.high)}


def _size(value: float) -> float | None:
    """A size, with all of its digits."""
    return finite(value, digits=17)
