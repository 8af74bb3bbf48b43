"""What the plugin answers over HTTP."""

import pytest
from tensorboard.backend.application import TensorBoardWSGI
from tensorboard.plugins import base_plugin
from werkzeug.test import Client

from opbench.dashboards.plugin.loader import Loader
from tests.results.examples import make_run

BASE = "/data/plugin/opbench"


@pytest.fixture
def plugin(tmp_path):
    make_run(tmp_path)
    return Loader().load(base_plugin.TBContext(logdir=str(tmp_path)))


@pytest.fixture
def client(plugin):
    return Client(TensorBoardWSGI([plugin]))


@pytest.fixture
def page(plugin):
    """The address of the page's first module."""
    return BASE + plugin.frontend_metadata().es_module_path


def test_it_is_active_where_there_is_a_run(plugin, tmp_path):
    assert plugin.is_active()
    (tmp_path / "empty").mkdir()
    context = base_plugin.TBContext(logdir=str(tmp_path / "empty"))
    assert not Loader().load(context).is_active()


@pytest.mark.parametrize("logdir", [None, "", "gs://bucket"])
def test_without_a_folder_it_is_inactive(logdir):
    assert not Loader().load(base_plugin.TBContext(logdir=logdir)).is_active()


def test_the_runs_are_listed(client, tmp_path):
    answer = client.get(f"{BASE}/runs")
    assert answer.json["logdir"] == str(tmp_path)
    assert [run["id"] for run in answer.json["runs"]] == ["example"]


def test_answers_are_compressed_where_a_browser_takes_that(client):
    plain = client.get(f"{BASE}/leaderboard")
    compressed = client.get(f"{BASE}/leaderboard", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert len(compressed.data) < len(plain.data) / 4


def test_answers_are_never_kept_by_browsers(client):
    """They change with the runs, and each says by a stamp when it is worth asking again."""
    answer = client.get(f"{BASE}/runs")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["stamp"]


def test_what_is_not_there_is_said_as_json(client):
    answer = client.get(f"{BASE}/leaderboard?run=../../etc")
    assert answer.status_code == 404
    assert answer.json["error"].startswith("there is no run '../../etc'")


def test_files_of_the_page_are_kept_for_good(client, page):
    answer = client.get(page)
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]
    assert b"export async function render" in answer.data


@pytest.mark.parametrize(
    "name", ["../plugin.py", "%2e%2e/plugin.py", "/etc/passwd", "nosuch.js", "", "views"]
)
def test_no_other_file_is_sent(client, page, name):
    answer = client.get(page.replace("index.js", name))
    assert answer.status_code == 404
    assert b"import" not in answer.data
