"""A choice for people: the regions with what runs, what that rests on, and what it may cost.

A region tells on how many measured shapes it rests, and what its contender loses there at most to
the best; a threshold, between which measured sizes it lies, as it could be anywhere between these.
What choosing costs is that of shapes that the rule wasn't made from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from opbench.results.choosing.choice import Choice
from opbench.results.choosing.features import value_of
from opbench.results.choosing.regret import Regret
from opbench.results.choosing.rules import (
    Bounds,
    Rule,
    Split,
    chosen,
    is_inside,
    regions,
)
from opbench.results.choosing.situations import Row
from opbench.results.report.counts import counted
from opbench.results.report.table import Table, format_interval, format_ratio, format_time

#: More names than these aren't listed.
_MOST_NAMES = 3
#: How a rule was made, in words.
METHODS = {
    "single": "one contender for all sizes",
    "smooth": "thresholds where smooth times cross",
    "tree": "thresholds between the measured shapes",
}


def regions_table(choice: Choice) -> Table:
    """The regions of a choice, a row each."""
    rows = []
    for bounds, leaf in regions(choice.rule):
        inside = [row for row in choice.rows if is_inside(bounds, row.axes)]
        rows.append(
            (
                region_text(bounds),
                leaf.contender,
                _names(_level(leaf.contender, inside, choice.contenders)),
                str(len(inside)),
                _most_lost(leaf.contender, inside, choice.contenders),
            )
        )
    situation, count = choice.situation, len(choice.rows)
    title = f"{situation.op} · {situation.label} · {count} shape{'s' if count != 1 else ''}"
    return Table(title, ("sizes", "use", "as fast", "shapes", "loses at most"), tuple(rows))


def regret_table(choice: Choice) -> Table:
    """What choosing costs on shapes that were left out, beside what else one could do."""
    best = choice.contenders[0]
    names = {
        "chosen": f"chosen: {METHODS[choice.method]}",
        "single": "always the best single one",
        "nearest shape": "best of the nearest shape",
    }
    rows = []
    for name, regret in choice.regrets.items():
        if name in ("smooth", "tree", choice.method) and name != "single":
            continue
        label = names.get(name, f"always {name}")
        rows.append((f"{label} ({best})" if name == "single" else label, *_cells(regret)))
    columns = ("over the best, held out", "mean", "95% interval", "95 of 100", "worst")
    return Table("", columns, tuple(rows))


def notes(choice: Choice) -> Iterator[str]:
    """What a choice rests on, where it extrapolates, and who is left out."""
    for feature, at in dict.fromkeys(_splits(choice.rule)):
        yield f"{feature} {_size(at)}: {_around(feature, at, choice.rows)}"
    sizes = ", ".join(_extent(axis, ends) for axis, ends in choice.bounds.items())
    if sizes:
        yield f"outside of {sizes} nothing was measured: {choice.fallback} runs"
    for name in choice.contenders:
        missing = sum(row.times[name].is_implied for row in choice.rows)
        if missing:
            shapes = f"{missing} of {counted(len(choice.rows), 'shape')}"
            yield f"{name} wasn't raced on {shapes}: its times there follow from its others"
    for name, reason in choice.left_out.items():
        yield f"left out: {name}: {reason}"


def shape_text(choice: Choice, axes: Mapping[str, float], given: str) -> str:
    """One shape in a sentence. given: the shape as it was given, on the command line too."""
    name = chosen(choice.rule, axes)
    outside = [
        _extent(axis, choice.bounds[axis])
        for axis, size in axes.items()
        if not choice.bounds[axis][0] <= size <= choice.bounds[axis][1]
    ]
    measure = f"opbench run {choice.situation.op} --shape {given}"
    row = next((row for row in choice.rows if dict(row.axes) == dict(axes)), None)
    if row is not None:
        return f"{given}: {_measured(choice, row)}"
    if outside:
        return (
            f"{given}: {choice.fallback}, as this is outside of what was measured "
            f"({', '.join(outside)}); to know more: {measure}"
        )
    regret, near = choice.regrets["chosen"], _nearest(choice.rows, axes)
    lost = math.exp(near.loss(name, choice.contenders))
    return (
        f"{given}: {name}; on shapes that were left out such a choice takes "
        f"{format_ratio(regret.mean.value)} the best's time in the mean, "
        f"{format_ratio(regret.worst)} at the worst, and {format_ratio(lost)} on the nearest "
        f"measured shape, {near.shape}; if that isn't good enough: {measure}"
    )


def _measured(choice: Choice, row: Row) -> str:
    """The sentence of a shape that was measured."""
    best = min(choice.contenders, key=lambda name: row.times[name].time_s)
    name = chosen(choice.rule, row.axes)
    own, least = row.times[name], row.times[best]
    time = f"{name}, which took {format_time(own.time_s)} there"
    if row.loss(name, choice.contenders) == 0:
        return f"{time}: none was shown to be faster"
    ratio = own.time_s / least.time_s
    return f"{time}, {format_ratio(ratio)} the time of the best, {best}"


def regret_line(regret: Regret) -> str:
    """A regret in a line."""
    mean, interval, p95, worst = _cells(regret)
    return f"{mean} {interval}, 95 of 100 within {p95}, worst {worst}"


def region_text(bounds: Bounds) -> str:
    """The bounds of a region: "B*S > 3635, D <= 31"."""
    parts = []
    for feature, (low, high) in bounds.items():
        if low > 0:
            parts.append(f"{feature} > {_size(low)}")
        if high < math.inf:
            parts.append(f"{feature} <= {_size(high)}")
    return ", ".join(parts) or "all"


def _level(name: str, rows: Sequence[Row], names: Iterable[str]) -> list[str]:
    """The other contenders that lose nothing on any of some rows."""
    among = tuple(names)
    if not rows:
        return []
    return [
        other
        for other in among
        if other != name and all(row.loss(other, among) == 0 for row in rows)
    ]


def _most_lost(name: str, rows: Sequence[Row], names: Iterable[str]) -> str:
    """What a contender loses at most on some rows, and where."""
    among = tuple(names)
    if not rows:
        return "not measured"
    worst = max(rows, key=lambda row: row.loss(name, among))
    lost = math.exp(worst.loss(name, among))
    return format_ratio(lost) + (f" on {worst.shape}" if lost > 1 else "")


def _splits(rule: Rule) -> Iterator[tuple[str, float]]:
    """The thresholds of a rule."""
    if isinstance(rule, Split):
        yield rule.feature, rule.at
        yield from _splits(rule.below)
        yield from _splits(rule.above)


def _around(feature: str, at: float, rows: Sequence[Row]) -> str:
    """The measured sizes on both sides of a threshold."""
    sizes = {value_of(feature, row.axes) for row in rows}
    below = [size for size in sizes if size <= at]
    above = [size for size in sizes if size > at]
    parts = [_size(max(below))] if below else []
    parts += [_size(min(above))] if above else []
    return f"between {' and '.join(parts)}, which were measured"


def _nearest(rows: Sequence[Row], axes: Mapping[str, float]) -> Row:
    """The measured row that is nearest to a shape."""
    return min(rows, key=lambda row: row.distance(axes))


def _cells(regret: Regret) -> tuple[str, str, str, str]:
    """Three decimals: what is compared differs in the second."""
    low, high = regret.mean.low, regret.mean.high
    interval = format_interval(regret.mean) if high > 10 else f"[{low:.3f}, {high:.3f}]"
    return f"{regret.mean.value:.3f}x", interval, f"{regret.p95:.2f}x", f"{regret.worst:.2f}x"


def _names(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more or "-"


def _extent(axis: str, ends: tuple[float, float]) -> str:
    """The sizes that an axis was measured at."""
    low, high = map(_size, ends)
    return f"{axis}={low}" if low == high else f"{axis}={low}..{high}"


def _size(value: float) -> str:
    """A size without decimals that say nothing."""
    return f"{value:.0f}" if value >= 10 or float(value).is_integer() else f"{value:g}"
