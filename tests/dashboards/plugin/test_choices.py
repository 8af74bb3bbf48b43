"""What a query chooses."""

import pytest

from opbench.dashboards.plugin.choices import chosen
from opbench.results.errors import SelectionError


@pytest.mark.parametrize(("query", "found"), [({}, "a"), ({"x": [""]}, "a"), ({"x": ["b"]}, "b")])
def test_the_first_is_chosen_where_none_is_named(query, found):
    assert chosen(query, "x", ["a", "b"]) == found


def test_what_is_not_there_is_refused():
    with pytest.raises(SelectionError, match="there is no x 'c' here"):
        chosen({"x": ["c"]}, "x", ["a", "b"])
