"""Kinds of machines side by side as a browser shows them."""

import json
import re
import shutil

import pytest
from playwright.sync_api import expect

from opbench.harness.cli.app import main
from opbench.results.records.run_folder import RunFolder
from tests.dashboards.plugin.drawn import assert_fits, assert_harmless, chooser
from tests.dashboards.plugin.served import plugin_server, visit
from tests.dashboards.plugin.stock import ELSEWHERE, HOSTILE, move


@pytest.fixture(scope="module")
def real_kinds(real_runs, tmp_path_factory):
    """A folder with two real runs, the later of which says that it is of another machine."""
    root = shutil.copytree(real_runs, tmp_path_factory.mktemp("kinds") / "runs")
    move(RunFolder(root / "later"), ELSEWHERE)
    return root


@pytest.fixture
def kinds(context, real_kinds):
    """A visitor to these runs."""
    with plugin_server(real_kinds) as url, visit(context, url) as one:
        yield one


def rows(frame, op="patch_pooling"):
    return frame.get_by_role("table", name=f"Winners of {op}").locator("tbody tr.winners-row")


def test_a_real_run_of_each_kind_has_the_winners_that_the_command_prints(
    kinds, real_kinds, capsys, tmp_path
):
    main(["matrix", str(real_kinds / "real"), str(real_kinds / "later"), "--json"])
    document = json.loads(capsys.readouterr().out)
    frame = kinds.open(view="matrix")
    expect(rows(frame)).to_have_count(len(document["cases"]))
    for row, case in zip(rows(frame).all(), document["cases"], strict=True):
        best = [
            [cell["contender"] for cell in standings["cells"] if cell["verdict"] == "best"]
            for standings in case["standings"]
        ]
        shown = row.locator("td").all_inner_texts()[1:3]
        assert all(
            text.startswith(tuple(names or ["- ("]))
            for text, names in zip(shown, best, strict=True)
        )
    assert_fits(frame)
    kinds.page.screenshot(path=tmp_path / "matrix.png", full_page=True)


def test_an_opened_case_has_every_contender_and_each_empty_cell_its_reason(kinds, tmp_path):
    frame = kinds.open(view="matrix")
    rows(frame).first.get_by_role("button").press("Enter")
    expect(rows(frame).first.get_by_role("button")).to_be_focused()
    expect(rows(frame).first.get_by_role("button")).to_have_attribute("aria-expanded", "true")
    cells = frame.locator(".contender-row td:nth-child(n+3):not(:last-child)")
    assert all(cells.all_inner_texts())
    expect(frame.locator(".contender-row", has_text="loop")).to_contain_text("another selection")
    expect(frame.locator(".contender-row", has_text="triton")).to_contain_text("unsupported: ")
    kinds.page.screenshot(path=tmp_path / "opened.png", full_page=True)


def test_only_where_kinds_disagree_is_in_the_address(stocked):
    frame = stocked.open(view="matrix", op=HOSTILE[0])
    expect(rows(frame, HOSTILE[0])).to_have_count(2)
    frame.get_by_label("only where kinds disagree").check()
    stocked.page.wait_for_url(re.compile("only=disagree"))
    expect(rows(frame, HOSTILE[0])).to_have_count(1)
    expect(frame.locator(".agreement")).to_have_text("DISAGREE")
    chooser(frame, "op").select_option("patch_pooling")
    expect(frame.locator("main")).to_contain_text("no case is meant by this")


def test_one_environment_says_what_to_do(swept):
    frame = swept.open(view="matrix")
    expect(frame.locator(".nothing")).to_contain_text("made in one environment")
    expect(frame.locator(".nothing code")).to_have_text("opbench run patch_pooling --out runs")


def test_hostile_names_are_text(stocked):
    frame = stocked.open(view="matrix", op=HOSTILE[0])
    frame.locator("button.case").first.click()
    expect(frame.locator(".contender-row").first).to_contain_text("no <img src=x onerror")
    frame.locator("summary").click()
    expect(frame.get_by_role("table", name="Kinds of machines")).to_contain_text(
        "<img src=x onerror"
    )
    assert_harmless(frame)
    assert_fits(frame)
