"""Whatever lies in the log directory: nothing of it runs, nothing outside is read, all goes on."""

import gzip
import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from playwright.sync_api import expect

from opbench.dashboards.plugin.routes import MODULES
from tests.dashboards.plugin.hostile_runs import NAMES, SCRIPT, SECRET, make_hostile_runs
from tests.dashboards.plugin.served import tensorboard, visit
from tests.harness.processes import PATIENCE


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with tensorboard(make_hostile_runs(tmp_path_factory.mktemp("hostile"))) as url:
        yield url


@pytest.fixture
def visitor(context, url):
    with visit(context, url) as one:
        yield one


@pytest.fixture(scope="module")
def ids(url):
    """The runs that are listed."""
    return [run["id"] for run in ask(url, "/runs")[1]["runs"]]


def ask(url, route, **parameters):
    """The status of an answer and its content, which never holds the secret."""
    query = urllib.parse.urlencode(parameters)
    request = urllib.request.Request(
        f"{url}data/plugin/opbench{route}?{query}", headers={"Accept-Encoding": "gzip"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            body = answer.read()
            text = gzip.decompress(body) if answer.headers["Content-Encoding"] else body
            status = answer.status
    except urllib.error.HTTPError as error:
        text, status = error.read(), error.code
    assert SECRET not in text.decode()
    return status, json.loads(text)


def test_runs_that_can_not_be_read_are_listed_with_their_faults(url):
    _, found = ask(url, "/runs")
    faults = {run["id"]: " ".join(run["faults"]) for run in found["runs"]}
    assert "install a newer opbench" in faults["future"]
    assert "run.json cannot be read" in faults["binary"]
    assert "run.json cannot be read" in faults["empty"]
    assert "run.json is a link out" in faults["linked-head"]
    assert "records.jsonl is a link out" in faults["linked-records"]
    assert "more than the 256 MB that are read" in faults["huge"]
    assert "records.jsonl cannot be read: it is no file" in faults["pipe"]
    assert "run.json cannot be read: it is no file" in faults["directory"]
    assert "that are no records: 50" in faults["garbage"]
    assert found["faults"] == ["linked is a link out of the log directory: it is not followed"]


def test_of_a_run_that_was_cut_off_the_rest_is_read(url):
    _, whole = ask(url, "/leaderboard", run="truncated")
    assert len(whole["rows"]["case"]) == 41
    assert ask(url, "/run", run="truncated")[1]["cut_off"]


@pytest.mark.parametrize("route", sorted(MODULES))
def test_every_question_has_an_answer_or_a_reason(url, ids, route):
    for run in (*ids, *NAMES, "", "../outside", "linked"):
        status, content = ask(url, route, run=run)
        assert status in (200, 404)
        assert status == 200 or content["error"]


def views(frame):
    """The words of the views, from the addresses of their tabs."""
    addresses = [tab.get_attribute("href") for tab in frame.locator("nav a").all()]
    return [urllib.parse.parse_qs(address[1:])["view"][0] for address in addresses]


def test_names_are_shown_as_they_are_and_nothing_runs(visitor, ids):
    (named,) = [run for run in ids if "onerror" in run]
    frame = visitor.open()
    for view in views(frame):
        frame = visitor.turn_to(view, run=named)
        frame.wait_for_timeout(300)
        assert frame.evaluate("window.attacked") is None, view
        assert frame.locator("img, script:not([src]):not([type=module])").count() == 0, view


def test_the_attacking_name_stands_in_the_leaderboard(visitor, ids, tmp_path):
    (named,) = [run for run in ids if "onerror" in run]
    frame = visitor.open_in_tensorboard(run=named, filter="onerror")
    expect(frame.locator('[data-column="contender"]').first).to_contain_text(SCRIPT)
    assert visitor.page.evaluate("window.attacked") is None
    visitor.page.screenshot(path=tmp_path / "hostile.png")


def test_an_address_that_attacks_does_nothing(visitor):
    frame = visitor.open(view=SCRIPT, run=SCRIPT, sort=SCRIPT, columns=SCRIPT, filter=SCRIPT)
    frame.wait_for_timeout(500)
    assert frame.evaluate("window.attacked") is None
    assert frame.locator("img").count() == 0


def test_what_could_not_be_read_stands_on_the_page(visitor):
    frame = visitor.open()
    faults = frame.locator(".faults")
    faults.locator("summary").click()
    expect(faults).to_contain_text("future: run.json cannot be read")
    expect(faults).to_contain_text("linked is a link out of the log directory")
