"""The Images page: heat maps of the ratio to the best, and time against size with intervals."""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Iterable, Iterator

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from opbench.dashboards.events import PAGES, Entry, picture
from opbench.dashboards.heatmap import heat_maps
from opbench.dashboards.sizes import sizes
from opbench.dashboards.view import OpView

#: The most ops that have pictures, and the most series of an op.
MOST_OPS, MOST_SERIES = 10, 2
#: How a logarithmic axis begins its numbers, which are formulas.
_POWER = r"$\mathdefault"


def entries(views: Iterable[OpView]) -> Iterator[Entry]:
    """The pictures of a run.

    For each op its heat maps, then a chart of time over size for each series; of no more than
    MOST_OPS ops, as drawing takes longer than all else.
    """
    for view in itertools.islice(views, MOST_OPS):
        maps = heat_maps(view)
        for number, figure in enumerate(maps, start=1):
            part = f" ({number} of {len(maps)})" if len(maps) > 1 else ""
            yield as_picture(PAGES, f"{view.op}/ratio to best{part}", figure)
        for name, figure in itertools.islice(sizes(view).items(), MOST_SERIES):
            yield as_picture(PAGES, f"{view.op}/time by size/{name}", figure)


def as_picture(run: str, tag: str, figure: Figure) -> Entry:
    """A figure as a picture of the page; names that hold dollars are no formulas.

    Characters that the font lacks are drawn as boxes.
    """
    for text in figure.findobj(Text):
        if isinstance(text, Text) and not text.get_text().startswith(_POWER):
            text.set_parse_math(False)
    canvas = FigureCanvasAgg(figure)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format="png")
    return picture(run, tag, file.getvalue(), size=canvas.get_width_height())
