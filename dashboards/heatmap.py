"""Heat maps: how many times as long as the best each contender takes, case by case."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from opbench.dashboards.labels import shortened
from opbench.dashboards.view import OpView
from opbench.results.ranking.leaderboard import Board, Row
from opbench.results.report.table import format_ratio

#: Cases and contenders in one picture, and pictures of an op: TensorBoard draws pictures 380 points
#: wide and 210 high, where more would be too small to read.
MOST_ROWS, MOST_COLUMNS, MOST_PICTURES = 7, 5, 2
#: From light to dark in one family of hues, so that more and less differ in every colour vision.
_COLOURS = colormaps["YlOrBr"]
#: Of contenders that were not timed; of text; of the frame around the best.
_GREY = "#dddddd"
_INK = "#222222"
_BEST = "#0072b2"
#: Marks of the colour bar: where it is tall, and where it is short.
_TICKS = (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100)
_FEW_TICKS = (1, 2, 5, 20, 100)
#: Ratios beyond this are drawn in the darkest colour.
_DARKEST = 100.0
#: How a ratio is written by its verdict.
_MARKS = {"tied": "= {}", "undecided": "{} ?"}


def heat_maps(view: OpView) -> tuple[Figure, ...]:
    """The heat maps of an op, a page of cases each, all with the same columns and colours.

    At most MOST_PICTURES; of the contenders those that are most often near the best.
    """
    ratios = [row.ratio.value for board in view.boards for row in board.measured if row.ratio]
    norm = LogNorm(1, min(max([2.0, *ratios]), _DARKEST))
    starts = range(0, len(view.boards), MOST_ROWS)[:MOST_PICTURES]
    return tuple(_heat_map(view, view.boards[at : at + MOST_ROWS], norm=norm) for at in starts)


def _heat_map(view: OpView, boards: Sequence[Board], *, norm: LogNorm) -> Figure:
    """One page: a row per case, a column per contender; sizes are in inches."""
    contenders = view.contenders[:MOST_COLUMNS]
    labels = [shortened(view.labels[board.case], 15) for board in boards]
    names = [shortened(name, 11) for name in contenders]
    left, right, top, bottom = 0.25 + 0.085 * max(map(len, labels)), 0.6, 0.58, 0.27
    width, height = 0.76 * len(contenders), 0.28 * len(boards)
    whole = (max(left + width + right, 4.6), top + height + bottom)
    figure = Figure(figsize=whole, dpi=110)
    box = (left / whole[0], bottom / whole[1], width / whole[0], height / whole[1])
    axes = figure.add_axes(box)
    for y, board in enumerate(boards):
        rows = {row.contender: row for row in board.rows}
        for x, contender in enumerate(contenders):
            _cell(axes, (x, y), rows.get(contender), norm=norm)
    _frame(axes, labels, names)
    bar = (box[0] + box[2] + 0.1 / whole[0], box[1], 0.12 / whole[0], box[3])
    _colour_bar(figure, bar, norm=norm, few=len(boards) < 5)
    _title(figure, view, at=(0.15 / whole[0], whole[1]))
    return figure


def _mark(row: Row) -> str:
    """The ratio with the mark of its verdict; the verdict where there is no ratio."""
    if row.ratio is None:
        return row.verdict
    return _MARKS.get(row.verdict, "{}").format(format_ratio(row.ratio.value))


def _cell(axes: Axes, at: tuple[int, int], row: Row | None, *, norm: LogNorm) -> None:
    """The ratio on its colour; hatched where a contender was not timed."""
    if row is None:
        return
    ratio = row.ratio.value if row.ratio else None
    face = _GREY if ratio is None else _COLOURS(norm(min(max(ratio, 1), norm.vmax or 1)))
    hatch = "////" if ratio is None else None
    best = row.verdict == "best"
    corner = (at[0] - 0.5, at[1] - 0.5)
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=face, edgecolor="white", hatch=hatch))
    if best:
        inside = (at[0] - 0.46, at[1] - 0.42)
        edge = Rectangle(inside, 0.92, 0.84, fill=False, edgecolor=_BEST, linewidth=2.2)
        axes.add_patch(edge)
    dark = ratio is not None and norm(ratio) > 0.62
    axes.text(
        *at,
        _mark(row),
        ha="center",
        va="center",
        fontsize=8.5 if ratio is None else 10,
        weight="bold" if best else "normal",
        color="white" if dark else _INK,
        bbox={"facecolor": _GREY, "edgecolor": "none", "pad": 1.5} if ratio is None else None,
    )


def _frame(axes: Axes, labels: Sequence[str], contenders: Sequence[str]) -> None:
    """Labels on both axes, without lines and ticks."""
    axes.set_xlim(-0.5, len(contenders) - 0.5)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels, fontsize=10)
    axes.set_xticks(range(len(contenders)), contenders, fontsize=9)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _colour_bar(
    figure: Figure, box: tuple[float, float, float, float], *, norm: LogNorm, few: bool
) -> None:
    """Drawn as a mesh of steps, so that it needs no mappable behind it."""
    axes = figure.add_axes(box)
    most = norm.vmax or 1.0
    steps = 128
    edges = [most ** (step / steps) for step in range(steps + 1)]
    axes.pcolormesh([0, 1], edges, [[step] for step in range(steps)], cmap=_COLOURS)
    axes.set_yscale("log")
    axes.set_ylim(1, most)
    axes.yaxis.tick_right()
    ticks = [tick for tick in (_FEW_TICKS if few else _TICKS) if tick <= most]
    axes.set_yticks(ticks, [f"{tick:g}x" for tick in ticks], fontsize=9)
    axes.set_yticks([], minor=True)
    axes.set_xticks([])


def _title(figure: Figure, view: OpView, *, at: tuple[float, float]) -> None:
    """The title and the key, in the upper left; at: the left edge, and the height in inches."""
    left, height = at
    title = shortened(f"{view.op}: time over the best's", 40)
    figure.text(left, 1 - 0.22 / height, title, fontsize=11.5)
    whole = len(view.contenders)
    some = f"   {MOST_COLUMNS} of {whole} contenders" if whole > MOST_COLUMNS else ""
    key = f"framed: best   =: tied   ?: undecided{some}"
    figure.text(left, 1 - 0.45 / height, key, fontsize=9, color="#555555")
