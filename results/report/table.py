"""Tables for people, as strings: numbers with the scale that fits.

Nothing is drawn here: the command line, Markdown and the dashboard each draw a `Table` their way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from opbench.results.ranking.ceilings import Share, is_suspicious
from opbench.results.statistics.interval import Interval

#: Shown where there is nothing to show.
NOTHING = "-"
#: Factors and names, the largest first.
_FLOP_SCALES = ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1e3, "kFLOP"))
_TIME_SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTE_SCALES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the names of the columns, and rows of as many cells.

    Cells are texts already, so that any page can draw them.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    #: The ratio of each row, for pages that draw it as a bar; empty where rows have none.
    ratios: tuple[Interval | None, ...] = ()


def format_time(seconds: float | None) -> str:
    """Three digits and the scale that fits: "12.3 µs"."""
    return _scaled(seconds, _TIME_SCALES)


def format_bytes(count: float | None) -> str:
    """Three digits and the decimal scale that fits: "1.50 MB", "512 B"."""
    if count is not None and abs(count) < 1000 and float(count).is_integer():
        return f"{int(count)} B"
    return _scaled(count, (*_BYTE_SCALES, (1.0, "B")))


def format_flops(count: float) -> str:
    """Three digits and the decimal scale that fits: "1.50 MFLOP", "512 FLOP"."""
    if count < 1000 and float(count).is_integer():
        return f"{int(count)} FLOP"
    return _scaled(count, (*_FLOP_SCALES, (1.0, "FLOP")))


def format_ratio(ratio: float | None) -> str:
    """A ratio as "1.23x", from 100 on without decimals; "-" where it is None or not finite."""
    if ratio is None or not math.isfinite(ratio):
        return NOTHING
    return f"{_digits(ratio)}x"


def format_interval(interval: Interval | None) -> str:
    """The ends of an interval: "[1.20, 1.26]", with "?" for an end that is not known."""
    if interval is None:
        return NOTHING
    low = _digits(interval.low) if interval.low > 0 else "?"
    high = _digits(interval.high) if math.isfinite(interval.high) else "?"
    return f"[{low}, {high}]"


def format_share(share: Share | None) -> str:
    """The share of a ceiling and which one: "83% memory"; with "!" where it can't be true."""
    if share is None:
        return NOTHING
    return f"{share.value:.0%} {share.bound}{'!' if is_suspicious(share) else ''}"


def format_number(value: float | None) -> str:
    """Three digits: "0.123", "12.3", "1230".

    "-" for None and NaN.
    """
    if value is None or math.isnan(value):
        return NOTHING
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    rounded = float(f"{value:.2e}")
    places = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{max(0, min(places, 6))}f}"


def _digits(value: float) -> str:
    """Two decimals, none from 100 on."""
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _scaled(value: float | None, scales: tuple[tuple[float, str], ...]) -> str:
    """A value in the largest scale that it reaches; scales: (factor, name) by falling factor."""
    if value is None or math.isnan(value):
        return NOTHING
    if value == 0:
        return f"0 {scales[-1][1]}"
    # 999.6 rounds to 1000: the rounded number decides about the scale.
    scale, name = next((s for s in scales if abs(value) >= s[0] * 0.9995), scales[-1])
    return f"{format_number(value / scale)} {name}"
