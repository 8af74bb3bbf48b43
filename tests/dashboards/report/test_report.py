"""A report as a file, and as a browser shows it without a network."""

import os
import threading

import pytest
from playwright.sync_api import expect

from opbench.dashboards.report.report import write_report
from opbench.results.errors import NothingRecordedError, RunFolderError
from opbench.results.records import Started, run_folder
from opbench.results.records.run_folder import runs_in
from tests.dashboards.plugin.drawn import assert_harmless, chooser
from tests.dashboards.plugin.served import address, in_view
from tests.dashboards.plugin.stock import stock
from tests.harness.processes import PATIENCE
from tests.results.examples import case, info, make_run

#: By view, what it is full of.
CONTENT = {
    "leaderboard": "[role=row]",
    "winners": ".winner",
    "crossover": ".js-plotly-plot",
    "roofline": ".js-plotly-plot",
    "matrix": ".winners-row",
    "compare": ".js-plotly-plot",
    "history": ".js-plotly-plot",
    "profile": ".js-plotly-plot",
    "environment": "[role=table], table",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of runs in which every view has something to show, some of it hostile."""
    root = tmp_path_factory.mktemp("reported")
    file = root / "report.html"
    written = write_report(runs_in(stock(root / "runs")), file)
    assert written.size == file.stat().st_size < 8_000_000
    assert written.left_out == 0
    return file


@pytest.fixture
def opened(chromium, report):
    """Opens a view of the report in a browser without a network; nothing may be asked or fail."""
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))

    def view(**parameters):
        if page.url == "about:blank":
            page.goto(report.as_uri() + address(parameters))
        else:
            page.evaluate("hash => { location.hash = hash }", address(parameters))
        return page.main_frame

    yield view
    context.close()
    # The charting library is a blob of the page's own.
    assert {url for url in asked if not url.startswith("blob:null/")} <= {
        "about:blank",
        *(url for url in asked if url.partition("#")[0] == report.as_uri()),
    }
    assert errors == []


def test_every_view_has_content_without_a_network(opened):
    for view, content in CONTENT.items():
        frame = opened(view=view)
        expect(frame.locator(f"main .view.{view} :is({content})").first).to_be_visible()
        assert_harmless(frame)


def test_hostile_names_stay_text(opened):
    for view in CONTENT:
        frame = opened(view=view, run="hostile")
        content = f":is({CONTENT[view]}, .note, .nothing)"
        expect(frame.locator(in_view(view, content)).first).to_be_visible()
        assert_harmless(frame)


def test_a_profile_stands_beside_another_and_its_trace_is_elsewhere(opened):
    frame = opened(view="profile", run="example")
    expect(frame.locator("main")).to_contain_text("tensorboard --logdir")
    beside = chooser(frame, "beside")
    beside.select_option(index=2)
    expect(frame.get_by_text("only in one")).to_be_visible()
    assert frame.get_by_role("link", name="Download").count() == 0


def test_what_is_left_out_says_what_shows_it(opened):
    frame = opened(view="compare", run="run-020", base="run-001")
    expect(frame.locator("main")).to_contain_text("This report leaves that out")


def test_a_report_replaces_a_file_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old")
    write_report([make_run(tmp_path / "runs")], target)
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "runs"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "aim")
    write_report([make_run(tmp_path / "runs")], tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "aim").stat().st_size > 1_000_000


def test_a_pipe_stays_a_pipe_and_gets_the_report(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    written = write_report([make_run(tmp_path / "runs")], pipe)
    reader.join()
    assert len(got[0]) == written.size
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("runs/example/records.jsonl", "lies in the run"),
        ("runs/example/report.html", "lies in the run"),
        ("runs", "is a folder"),
        ("nowhere/report.html", "there is no folder"),
    ],
)
def test_where_it_cannot_go_nothing_is_changed(tmp_path, target, message):
    run = make_run(tmp_path / "runs")
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(RunFolderError, match=message):
        write_report([run], tmp_path / target)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_an_empty_run_is_an_error_and_makes_no_file(tmp_path):
    run = run_folder.create(tmp_path / "runs", info("empty"))
    with pytest.raises(NothingRecordedError, match="nothing was recorded"):
        write_report([run], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_run_of_which_nothing_was_finished_makes_no_file(tmp_path):
    run = run_folder.create(tmp_path / "runs", info("begun"))
    run.append(Started(contender="mine", case=case()))
    with pytest.raises(NothingRecordedError, match=r"nothing was finished in .*cut off"):
        write_report([run], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
