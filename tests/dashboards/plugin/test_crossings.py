"""Where two lines cross, by the intervals of their ratios."""

import pytest

from opbench.dashboards.plugin.crossings import Crossing, changes, crossings
from opbench.results.records import Rules
from opbench.results.statistics.interval import Interval

BELOW, ABOVE = Interval(0.8, 0.7, 0.9), Interval(1.2, 1.1, 1.3)
PERHAPS_BELOW, PERHAPS_ABOVE = Interval(0.95, 0.8, 1.1), Interval(1.05, 0.9, 1.2)


@pytest.mark.parametrize(
    ("ratios", "found"),
    [
        ([BELOW, BELOW], []),
        ([BELOW, ABOVE], [(0, 1, True)]),
        ([BELOW, PERHAPS_ABOVE, PERHAPS_BELOW, ABOVE], [(0, 3, True)]),
        ([BELOW, ABOVE, BELOW], [(0, 1, True), (1, 2, True)]),
        # Between two that are certain, nothing crosses.
        ([BELOW, PERHAPS_ABOVE, BELOW], []),
        ([BELOW, PERHAPS_BELOW, PERHAPS_ABOVE], [(1, 2, False)]),
        ([PERHAPS_ABOVE, PERHAPS_BELOW, BELOW], [(0, 1, False)]),
        ([PERHAPS_ABOVE, PERHAPS_BELOW, PERHAPS_ABOVE, PERHAPS_BELOW], [(0, 3, False)]),
        ([PERHAPS_BELOW, PERHAPS_BELOW], []),
        ([PERHAPS_BELOW], []),
    ],
)
def test_changes_of_side(ratios, found):
    assert list(changes(ratios)) == found


def steady(time_s, rounds=40):
    """Samples of a contender that always takes as long."""
    return dict.fromkeys(range(rounds), time_s)


def test_a_crossing_names_the_quicker_one_before_and_after():
    places = [{"a": steady(1.0), "b": steady(2.0)}, {"a": steady(3.0), "b": steady(2.0)}]

    (found,) = crossings(places, Rules())

    assert found == Crossing(before="a", after="b", low=0, high=1, certain=True)


def test_places_that_one_of_both_lacks_are_passed_over():
    places = [
        {"b": steady(2.0), "a": steady(1.0)},
        {"a": steady(1.0)},
        {"a": steady(3.0), "b": steady(2.0)},
    ]

    (found,) = crossings(places, Rules())

    assert (found.before, found.low, found.high) == ("a", 0, 2)


def test_few_rounds_leave_a_crossing_uncertain():
    places = [
        {"a": steady(1.0, 3), "b": steady(2.0, 3)},
        {"a": steady(3.0, 3), "b": steady(2.0, 3)},
    ]

    (found,) = crossings(places, Rules())

    assert not found.certain


def test_contenders_that_share_no_round_cross_uncertainly():
    apart = [{"b": {("b", n): time_s for n in range(40)}} for time_s in (2.0, 2.0)]
    places = [{"a": steady(1.0)} | apart[0], {"a": steady(3.0)} | apart[1]]

    (found,) = crossings(places, Rules())

    assert not found.certain


def test_equal_lines_do_not_cross():
    places = [{"a": steady(1.0), "b": steady(1.0)}] * 3

    assert list(crossings(places, Rules())) == []
