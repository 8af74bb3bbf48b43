"""What a query chooses."""

import pytest

from opbench.dashboards.plugin.choices import chosen, runs_with
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.errors import SelectionError
from tests.results.examples import make_run
from tests.results.gates import make_gate


@pytest.mark.parametrize(("query", "found"), [({}, "a"), ({"x": [""]}, "a"), ({"x": ["b"]}, "b")])
def test_the_first_is_chosen_where_none_is_named(query, found):
    assert chosen(query, "x", ["a", "b"]) == found


def test_what_is_not_there_is_refused():
    with pytest.raises(SelectionError, match="there is no x 'c' here"):
        chosen({"x": ["c"]}, "x", ["a", "b"])


def test_runs_are_found_by_what_they_hold(tmp_path):
    make_run(tmp_path)
    make_gate(tmp_path)
    log = LogFolder(str(tmp_path))

    assert runs_with(log, "Profile") == {"run": ["example"]}
    assert runs_with(log, "Gate") == {"run": ["gate"]}
    assert runs_with(log, "Ceilings") == {"run": []}
