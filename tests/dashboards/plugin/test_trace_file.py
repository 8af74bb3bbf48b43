"""Traces as they are sent."""

import pytest
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.profile_list import known_profiles
from opbench.dashboards.plugin.trace_file import trace_file
from tests.dashboards.plugin.stock import profiles
from tests.results.examples import make_run


@pytest.fixture
def log(tmp_path):
    profiles(make_run(tmp_path))
    return LogFolder(str(tmp_path))


def sent(log, name):
    return trace_file(log, Request(create_environ(query_string={"profile": name})))


def test_a_trace_is_sent_whole_under_a_name_of_ours(log, tmp_path):
    known = known_profiles(log, {})[1]
    response = sent(log, known.id)
    response.direct_passthrough = False

    assert response.get_data() == (tmp_path / "example" / known.profile.trace).read_bytes()
    response.close()
    assert response.headers["Content-Disposition"] == (
        f'attachment; filename="{known.id}.pt.trace.json"'
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("position", [0, None])
def test_what_is_not_there_is_refused(log, position):
    name = "../../etc/passwd" if position is None else known_profiles(log, {})[position].id
    assert sent(log, name).status_code == 404
