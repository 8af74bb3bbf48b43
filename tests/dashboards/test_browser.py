"""Published runs as people see them: plain `tensorboard --logdir runs` in headless Chromium."""

from __future__ import annotations

import dataclasses
import functools
import re

import pytest

from opbench.dashboards.publish import publish, publish_hparams
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
def shown(chromium, tmp_path_factory):
    """Shows so many published runs, and keeps what was seen."""

    @functools.cache
    def seen(number):
        folder = tmp_path_factory.mktemp("published")
        return look(chromium, published(folder / "runs", number), screenshots=folder)

    return seen


@pytest.mark.parametrize("number", [1, 5])
def test_no_tab_that_tensorboard_offers_is_empty(shown, number):
    seen = shown(number)

    assert set(seen) == {"timeseries", "scalars", "images", "text"}
    assert set(seen) < set(CONTENT)
    for tab, one in seen.items():
        assert one.content, tab
        assert one.ticked >= number, tab
    assert any("index_add" in text and "tied with best" in text for text in seen["text"].content)
    inside = [float(share) for share in seen["scalars"].content]
    assert len(inside) >= number
    assert min(inside) > 0.5


def test_pictures_are_drawn_large_enough_to_be_read(shown):
    seen = shown(1)

    pictures = [*seen["images"].pictures, *seen["timeseries"].pictures]
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
