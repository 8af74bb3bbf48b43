"""Choose: the rule of a situation, made from its rows, and what it would have cost elsewhere.

Three rules are made: one contender for all, a tree of what probably lies between the measured
shapes, and a tree of these alone. Each is made anew without some of the shapes, and tried there.
The first is kept of those that lose about as little as the best.

- single: one contender for all sizes.
- smooth: thresholds where surfaces through the times of two contenders cross.
- tree: thresholds half way between measured shapes, in the logarithms of their sizes.

All of them end as thresholds, so that a call compares a few numbers and needs none of this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from opbench.results.choosing.between import (
    axes_logs,
    data_of,
    feature_logs,
    points_between,
    times_of,
    with_points,
)
from opbench.results.choosing.crossings import crossings
from opbench.results.choosing.features import products
from opbench.results.choosing.regret import Regret, regret_of
from opbench.results.choosing.rules import Rule, chosen, contenders_of, fit
from opbench.results.choosing.situations import Row, Situation
from opbench.results.choosing.surfaces import surface

#: The fewest shapes of which anything but one contender is chosen.
FEWEST = 4
#: So many parts of the shapes are left out, one after another, as every rule is made anew for each.
_PARTS = 10
#: A simpler rule is kept that loses so much more, or half the standard error of the difference.
_SIMPLER = 0.0005

#: The most points between measured shapes that a rule is fitted to; and where it is tried, which is
#: often: thresholds lie a little worse by fewer points.
_FINE, _COARSE = 20_000, 4_000
#: Who takes more than so many times as long as the best on every shape isn't chosen for others.
_NEARLY = 1.2

#: Makes a rule of some rows.
Make = Callable[[Sequence[Row]], Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By what a choice is made, beside the rows."""

    #: The axes that a call shows, and that may be split by.
    axes: tuple[str, ...]
    #: Of several that lose as little, these run first.
    preferred: tuple[str, ...] = ()
    #: How much a shape counts, by name; 1 where it isn't there.
    weights: Mapping[str, float] = field(default_factory=dict)
    #: The contender that people use without choosing, for comparison; "" for none.
    baseline: str = ""
    #: Contenders that run on every call of a situation, one of which is the fallback; all where
    #: None.
    reliable: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """What runs in a situation, and what that rests on."""

    situation: Situation
    rows: tuple[Row, ...]
    #: Those that could be chosen; the best single one first.
    contenders: tuple[str, ...]
    #: By contender that couldn't, why.
    left_out: Mapping[str, str]
    rule: Rule
    #: How the rule was made: "single", "smooth" or "tree".
    method: str
    #: What runs outside of the measured sizes.
    fallback: str
    #: The least and the largest size that was measured, by axis.
    bounds: Mapping[str, tuple[float, float]]
    #: By what is compared, its regret on shapes that it wasn't made from: "chosen"; each method;
    #: "nearest shape", looked up as it is; and "baseline", by its name.
    regrets: Mapping[str, Regret]


def choose(
    situation: Situation, rows: Sequence[Row], left_out: Mapping[str, str], terms: Terms
) -> Choice:
    """The choice for a situation. At least one contender isn't left out, and there is a row."""
    everybody = dict.fromkeys(name for row in rows for name in row.times)
    names = _in_order([name for name in everybody if name not in left_out], rows, terms)
    axes = _varying(rows, terms.axes)
    of_use = _of_use(names, rows, terms)
    fine = _makes(of_use, axes, terms, _FINE)
    made = _saying_more({method: make(rows) for method, make in fine.items()})
    coarse = _makes(of_use, axes, terms, _COARSE)
    logs = {method: _held_out(coarse[method], rows, names) for method in made}
    counts = [terms.weights.get(row.shape, 1.0) for row in rows]
    method = _kept(logs, {m: _known(rule, rows, names) for m, rule in made.items()}, counts)
    others = {"chosen": logs[method], "nearest shape": _looked_up(rows, names, terms.axes)}
    if terms.baseline in everybody and all(terms.baseline in row.times for row in rows):
        among = dict.fromkeys((*names, terms.baseline))
        others[terms.baseline] = [row.price(terms.baseline, among) for row in rows]
    return Choice(
        situation=situation,
        rows=tuple(rows),
        contenders=names,
        left_out=left_out,
        rule=made[method],
        method=method,
        fallback=next((n for n in names if n in (terms.reliable or names)), names[0]),
        bounds={axis: _extent(rows, axis) for axis in rows[0].axes},
        regrets={name: regret_of(of, counts) for name, of in (others | logs).items()},
    )


def _in_order(names: Sequence[str], rows: Sequence[Row], terms: Terms) -> tuple[str, ...]:
    """The contenders: those that are preferred, and then by what they lose over all rows."""
    counts = [terms.weights.get(row.shape, 1.0) for row in rows]

    def rank(name: str) -> tuple[bool, float]:
        """Those preferred first, and then by what is lost."""
        lost = (n * row.loss(name, names) for n, row in zip(counts, rows, strict=True))
        return name not in terms.preferred, sum(lost)

    return tuple(sorted(names, key=rank))


def _of_use(names: tuple[str, ...], rows: Sequence[Row], terms: Terms) -> tuple[str, ...]:
    """The contenders that are nearly as quick as the best on a shape at least, or are preferred."""
    least = {name: min(row.loss(name, names) for row in rows) for name in names}
    return tuple(n for n in names if least[n] <= math.log(_NEARLY) or n in terms.preferred)


def _varying(rows: Sequence[Row], axes: Sequence[str]) -> tuple[str, ...]:
    """The axes that have several sizes."""
    return tuple(axis for axis in axes if len({row.axes[axis] for row in rows}) > 1)


def _makes(
    names: tuple[str, ...], axes: tuple[str, ...], terms: Terms, points: int
) -> dict[str, Make]:
    """How each rule is made of rows, the simplest first. points: between them, at most."""
    split_by = products(axes)

    def single(rows: Sequence[Row]) -> Rule:
        """The one that loses least over all."""
        return fit(data_of(rows, names, axes, (), terms.weights), names, depth=0)

    def tree(rows: Sequence[Row]) -> Rule:
        """Thresholds between measured shapes."""
        return fit(data_of(rows, names, axes, split_by, terms.weights), names)

    def by_surface(rows: Sequence[Row]) -> Rule:
        """Thresholds where smooth times cross."""
        logs, times = axes_logs(rows, axes), times_of(rows, names)
        found = surface(logs, times, lambda logs: feature_logs(logs, axes, split_by))
        between = points_between(rows, axes, terms.weights, found, points)
        features = (*split_by, *crossings(between.logs, between.times, axes))
        data = data_of(rows, names, axes, tuple(dict.fromkeys(features)), terms.weights)
        return fit(with_points(data, between, axes), names)

    makes: dict[str, Make] = {"single": single}
    if axes and len(names) > 1:
        makes |= {"smooth": by_surface, "tree": tree}
    return makes


def _saying_more(made: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rules, without those that have one contender for all sizes after all.

    "single" has the one that is best on what was measured, and others perhaps one that is best by
    what they take to lie between.
    """
    return {
        method: rule
        for method, rule in made.items()
        if method == "single" or len(set(contenders_of(rule))) > 1
    }


def _held_out(make: Make, rows: Sequence[Row], names: Sequence[str]) -> list[float]:
    """The price of the rule on every row, made without it."""
    parts = min(len(rows), _PARTS)
    if len(rows) < 2:
        return [rows[0].price(chosen(make(rows), rows[0].axes), names)]
    prices = [0.0] * len(rows)
    for part in range(parts):
        rule = make([row for number, row in enumerate(rows) if number % parts != part])
        for number in range(part, len(rows), parts):
            prices[number] = rows[number].price(chosen(rule, rows[number].axes), names)
    return prices


def _looked_up(rows: Sequence[Row], names: Sequence[str], axes: Sequence[str]) -> list[float]:
    """The price of what was best on the nearest other row."""
    if len(rows) < 2 or not axes:
        return [row.price(names[0], names) for row in rows]
    logs = axes_logs(rows, axes)
    distances = ((logs[:, None, :] - logs[None, :, :]) ** 2).sum(2)
    np.fill_diagonal(distances, math.inf)
    prices = []
    for row, number in zip(rows, distances.argmin(1), strict=True):
        times = rows[int(number)].times
        best = min(names, key=lambda name, times=times: times[name].time_s)  # type: ignore[misc]
        prices.append(row.price(best, names))
    return prices


def _known(rule: Rule, rows: Sequence[Row], names: Sequence[str]) -> list[float]:
    """What a rule loses on the rows that it was made from."""
    return [row.loss(chosen(rule, row.axes), names) for row in rows]


def _kept(
    held_out: Mapping[str, Sequence[float]],
    known: Mapping[str, Sequence[float]],
    counts: Sequence[float],
) -> str:
    """The first method that loses about as little as the best.

    Surfaces are given up for the measured shapes alone only where these are better beyond chance,
    as `python -m benchmarks.choosing` shows them to lose more. What a rule loses on shapes that it
    wasn't made from counts, and half of what it loses on those that it was: they are served too,
    and the only large shape says nothing while it is left out.
    """
    logs = {m: np.array(of) + np.array(known[m]) / 2 for m, of in held_out.items()}
    shares = np.array(counts) / sum(counts)
    means = {method: float(shares @ of) for method, of in logs.items()}
    best = min(means, key=lambda method: means[method])
    for method, mean in means.items():
        if len(counts) < FEWEST:
            return method
        difference = logs[method] - logs[best]
        error = float(difference.std(ddof=1)) / math.sqrt(len(counts))
        allowed = 2 * error if method == "smooth" else min(error / 2, 4 * _SIMPLER)
        if mean - means[best] <= max(_SIMPLER, allowed):
            return method
    return best


def _extent(rows: Sequence[Row], axis: str) -> tuple[float, float]:
    """The least and the largest size of an axis."""
    sizes = [row.axes[axis] for row in rows]
    return min(sizes), max(sizes)
