"""The regions along the lines of a crossover: what is chosen from which size to which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from opbench.dashboards.plugin.lines import THREADS, TRAFFIC, Place, Series
from opbench.dashboards.plugin.region_choices import Chosen
from opbench.results.choosing.areas import Stretch, along
from opbench.results.choosing.rules import chosen
from opbench.results.choosing.situations import Situation, is_size, situation_of
from opbench.results.records import Case


def is_exact(axis: str) -> bool:
    """Whether a rule has thresholds on an axis, so that it is known between the measured sizes."""
    return axis not in (TRAFFIC, THREADS)


def strip_along(
    axis: str, series: Series, choices: Mapping[Situation, Chosen]
) -> tuple[Stretch, ...]:
    """The stretches of a series, none beyond its places; without those of which nothing is chosen.

    Where all sizes vary together, and along threads, they end at places that were measured.
    choices: with the situation of every place.
    """
    if not is_exact(axis):
        return tuple(_between_places(series.places, choices))
    first, last = series.places[0], series.places[-1]
    choice = choices[situation_of(first.case)].choice
    if choice is None:
        return ()
    return along(choice.rule, axis, _sizes(first.case), (first.x, last.x))


def _between_places(
    places: Sequence[Place], choices: Mapping[Situation, Chosen]
) -> Iterator[Stretch]:
    """From the first to the last place of those in a row that have one contender."""
    for contender, group in groupby(places, lambda place: _contender(place.case, choices)):
        same = [*group]
        if contender:
            yield Stretch(contender, same[0].x, same[-1].x)


def _contender(case: Case, choices: Mapping[Situation, Chosen]) -> str:
    """What is chosen for a case; "" where nothing is."""
    choice = choices[situation_of(case)].choice
    return chosen(choice.rule, _sizes(case)) if choice else ""


def _sizes(case: Case) -> dict[str, float]:
    """The axes of a case that are numbers."""
    return {axis: float(value) for axis, value in case.axes if is_size(value)}
