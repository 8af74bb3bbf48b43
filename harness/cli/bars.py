"""Ratios with their intervals as bars of characters, on one logarithmic scale for a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opbench.results.statistics.interval import Interval

#: The least factor that a scale spans, so that noise doesn't look like differences.
_SPAN = 1.1
#: How far below 1 a scale goes: an interval of few rounds must not squeeze the others.
_FARTHEST = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The characters that bars, rules and cuts are made of."""

    low: str
    high: str
    line: str
    value: str
    #: The place of a ratio of 1.
    one: str
    #: The beginning of an interval whose low end isn't known, and the end of its like.
    open_low: str
    open_high: str
    #: Below the headings.
    rule: str
    #: In place of what is left out of a text.
    cut: str


#: Of a terminal that draws lines, and of one that lacks them.
LINES = Marks(
    low="├",
    high="┤",
    line="─",
    value="●",
    one="┊",
    open_low="◂",
    open_high="▸",
    rule="─",
    cut="…",
)
ASCII = Marks(
    low="|", high="|", line="-", value="o", one=":", open_low="<", open_high=">", rule="-", cut="~"
)


@dataclass(frozen=True, slots=True)
class Scale:
    """The ends of a logarithmic axis of ratios, which holds 1."""

    low: float
    high: float

    def place(self, ratio: float, width: int) -> int:
        """The place of a ratio among `width` characters; the nearest end where it is beyond."""
        inside = min(max(ratio, self.low), self.high)
        return round((width - 1) * math.log(inside / self.low) / math.log(self.high / self.low))


def scale_of(ratios: Sequence[Interval | None]) -> Scale:
    """The scale on which the known ends of the ratios have a place, as far as they aren't wild."""
    known = [end for r in ratios if r is not None for end in (r.low, r.value, r.high)]
    finite = [1.0, *(end for end in known if 0 < end < math.inf)]
    low, high = max(min(finite), 1 / _FARTHEST), max(finite)
    return Scale(low, max(high, low * _SPAN))


def bar(ratio: Interval | None, scale: Scale, width: int, marks: Marks) -> str:
    """A ratio between the ends of its interval; blank but for the place of 1 where it is None."""
    cells = [" "] * width
    cells[scale.place(1.0, width)] = marks.one
    if ratio is None or math.isnan(ratio.value):
        return "".join(cells)
    low, high = scale.place(ratio.low, width), scale.place(ratio.high, width)
    cells[low : high + 1] = marks.line * (high + 1 - low)
    cells[low] = marks.low if ratio.low >= scale.low else marks.open_low
    cells[high] = marks.high if math.isfinite(ratio.high) else marks.open_high
    cells[scale.place(ratio.value, width)] = marks.value
    return "".join(cells)
