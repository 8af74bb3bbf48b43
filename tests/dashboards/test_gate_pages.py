"""The pages of a gate: its summary as text, its ratios as a picture; and what grew, of profiles."""

from __future__ import annotations

import dataclasses

import pytest
from tensorboard.util import tensor_util

from opbench.dashboards.forest import MOST_ROWS, forest
from opbench.dashboards.publish import publish
from opbench.results.records import run_folder
from opbench.results.regression.report import report_of
from tests.dashboards.test_publish import of_plugin, read
from tests.results.examples import case, info, make_run, profile
from tests.results.gates import make_gate, units


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_gate(tmp_path_factory.mktemp("gates"))


def texts(published):
    """The texts by their tags."""
    return {
        tag: tensor_util.make_ndarray(values[0][1].tensor).item().decode()
        for (_, tag), values in of_plugin(published, "text").items()
    }


def labels(figure):
    """The rows of a forest plot, from the top."""
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_a_gate_is_published_as_text_and_picture(folder):
    published = read(publish(folder))
    summary = texts(published)["gate/summary"]

    assert "4 compared: 1 slower, 1 inconclusive, 1 faster, 1 same" in summary
    assert "look: opbench explain --base main" in summary
    assert "| patch_pooling | small normal float32 forward | copies | slower |" in summary
    # The page would show tags as they are.
    assert "<" not in summary
    ((_, tag),) = of_plugin(published, "images")
    assert tag == "gate/head against base"
    assert "run/about" in texts(published)


def test_a_run_that_is_no_gate_has_no_such_page(tmp_path):
    published = read(publish(make_run(tmp_path)))

    assert not [tag for _, tag in published if tag.startswith("gate/")]


def test_a_gate_that_compared_nothing_has_no_picture(tmp_path, folder):
    empty = run_folder.create(tmp_path, info())
    empty.append(next(folder.lines()))

    published = read(publish(empty))

    assert "nothing was compared" in texts(published)["gate/summary"]
    assert not of_plugin(published, "images")


def test_the_slower_are_at_the_top(folder):
    figure = forest(report_of(folder))

    assert labels(figure) == [
        "copies · small",
        "unsteady · small",
        "improved · small",
        "steady · small",
    ]


def test_the_zone_and_the_intervals(folder):
    report = report_of(folder)
    axes = forest(report).axes[0]
    zone = axes.patches[0]
    copies = next(found for found in report.findings if found.contender == "copies")

    assert zone.get_x() == pytest.approx(1 / 1.03)
    assert zone.get_x() + zone.get_width() == pytest.approx(1.03)
    drawn = [tuple(line.get_xdata()) for line in axes.lines]
    assert pytest.approx((copies.ratio.low, copies.ratio.high)) in drawn


def test_many_rows_are_cut_after_the_most_important(tmp_path):
    folder = make_gate(tmp_path)
    for number in range(60):
        for unit in units("steady", case(shape=f"s{number}"), 1.0):
            folder.append(unit)

    figure = forest(report_of(folder))

    assert len(labels(figure)) == MOST_ROWS
    assert labels(figure)[0] == "copies · small"
    assert f"{MOST_ROWS} of 64" in figure.texts[0].get_text()


def test_an_interval_beyond_the_picture_ends_in_an_arrow(tmp_path):
    folder = make_gate(tmp_path)
    for unit in units("once", case(), 1.0, number=1):
        folder.append(unit)
    for role in ("screen", "confirm", "verify"):
        for unit in units("far", case(), 40.0, role=role):
            folder.append(unit)

    axes = forest(report_of(folder)).axes[0]

    assert axes.get_xlim()[1] < 10
    rows = labels(axes.figure)
    arrows = {(line.get_marker(), line.get_ydata()[0]) for line in axes.lines}
    far, once = (rows.index(f"{name} · small") for name in ("far", "once"))
    assert (">", far) in arrows
    assert {("<", once), (">", once)} <= arrows


def test_a_void_session_says_so(tmp_path):
    folder = make_gate(tmp_path)
    for unit in units("copies", case(), 1.3, role="null"):
        folder.append(dataclasses.replace(unit, method="pairs"))

    assert "void" in forest(report_of(folder)).texts[0].get_text()


def test_profile_differences_are_a_text_of_their_own(tmp_path):
    run = run_folder.create(tmp_path, info())
    for side in ("base", "head"):
        run.append(dataclasses.replace(profile(), side=side))

    published = texts(read(publish(run)))

    assert "head against base" in published["what grew/patch_pooling"]
    assert published["operators/patch_pooling"].count("### ") == 2
