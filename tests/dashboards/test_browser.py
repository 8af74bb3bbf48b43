"""Published runs as people see them: plain `tensorboard --logdir runs` in headless Chromium."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from pathlib import Path

import pytest

from opbench.dashboards.publish import publish, publish_hparams
from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.dashboards.browser import CONTENT, look
from tests.results.examples import info, make_run
from tests.results.gates import make_gate


def published(root, number):
    """So many runs below `root`, of one day after another, the last of five being a gate."""
    for day in range(1, number + 1):
        run = make_gate(root) if day == 5 else make_run(root, f"run-{day}")
        head = dataclasses.replace(info(run.path.name), created=f"2026-01-{day:02}T03:04:05+00:00")
        if day < 5:
            rewritten(run, head)
        publish(run)
    return root


def rewritten(run, head):
    """The run, with another head."""
    from opbench.results.records.codec import dumps

    (run.path / "run.json").write_text(dumps(head))


@pytest.fixture(scope="module")
def one(chromium, real_run, tmp_path_factory):
    """What the tabs show of a real run alone."""
    folder = tmp_path_factory.mktemp("one")
    run = shutil.copytree(real_run, folder / "runs" / "real")
    assert main(["publish", str(run)]) == Exit.OK
    return look(chromium, run.parent, screenshots=Path(os.environ.get("SCREENSHOTS") or folder))


@pytest.fixture(scope="module")
def five(chromium, tmp_path_factory):
    """What they show of five made-up ones."""
    folder = tmp_path_factory.mktemp("five")
    return look(chromium, published(folder / "runs", 5), screenshots=folder)


@pytest.mark.parametrize("number", ["one", "five"])
def test_no_tab_that_tensorboard_offers_is_empty(request, number):
    seen = request.getfixturevalue(number)

    assert set(seen) == {"timeseries", "scalars", "images", "text"}
    assert set(seen) < set(CONTENT)
    for tab, shown in seen.items():
        assert shown.content, tab
        assert shown.ticked >= (1 if number == "one" else 5), tab


def test_the_lines_of_five_runs_lie_within_their_charts(five):
    texts = five["text"].content
    assert any("index_add" in text and "tied with best" in text for text in texts)
    inside = [float(share) for share in five["scalars"].content]
    assert len(inside) >= 5
    assert min(inside) > 0.5


def test_texts_of_a_real_run_are_its_contenders_and_operators(one):
    texts = one["text"].content
    assert any("segment_reduce" not in text and "einsum" in text for text in texts)
    assert any("aten::repeat_interleave" in text for text in texts)


def test_pictures_are_drawn_large_enough_to_be_read(one):
    pictures = [*one["images"].pictures, *one["timeseries"].pictures]
    assert pictures
    # Texts in them have 9 points at 110 an inch: 13 pixels, of which half is the least.
    assert all(drawn >= 0.5 * natural > 100 for natural, drawn in pictures)


def test_hparams_have_a_log_folder_of_their_own_whose_rows_differ(chromium, tmp_path):
    run = make_run(tmp_path / "runs")
    assert publish_hparams(run, tmp_path / "table") == 0

    seen = look(chromium, tmp_path / "table", only="hparams")

    texts = seen["hparams"].content
    trials = [text for text in texts if re.match(r"\d{3} ", text)]
    assert len(set(trials)) == len(trials) > 10
    assert {"contender", "verdict"} <= set(texts)
