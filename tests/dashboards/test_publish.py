"""Publishing: the event files hold what the records say."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections import defaultdict

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.util import tensor_util

from opbench.dashboards.publish import is_published, publish
from opbench.results.errors import RunFolderError
from opbench.results.ranking.leaderboard import boards
from opbench.results.records import Measured, run_folder
from opbench.results.statistics.intervals import median
from tests.results.examples import case, info, make_run, measured, record, records


def read(folder):
    """(run, tag) → (plugin, [(step, value)]) of every event file below a folder."""
    found = defaultdict(lambda: (None, []))
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        run = path.parent.relative_to(folder).as_posix()
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                key = (run, value.tag)
                found[key] = (found[key][0] or plugin, [*found[key][1], (event.step, value)])
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def published(run):
    return read(publish(run))


def of_plugin(published, plugin):
    return {key: values for key, (name, values) in published.items() if name == plugin}


def test_a_row_per_contender_and_case(published):
    tag = hparams_metadata.SESSION_START_INFO_TAG
    rows = [
        hparams_metadata.parse_session_start_info_plugin_data(
            values[0][1].metadata.plugin_data.content
        )
        for key, values in of_plugin(published, "hparams").items()
        if key[1] == tag
    ]

    assert len(rows) == len(records())
    assert len({row.group_name for row in rows}) == len(rows)
    settings = {key[3:]: value for key, value in rows[0].hparams.items()}
    assert {
        "op",
        "contender",
        "shape",
        "dtype",
        "device",
        "inputs",
        "direction",
        "layout",
        "cache",
        "threads",
        "B",
        "S",
    } <= set(settings)


def test_the_metrics_of_a_row(published):
    board = boards(records())[0]
    scalars = of_plugin(published, "scalars")

    for row in board.measured:
        run = f"hparams/patch_pooling/small forward/{row.contender}"
        value = {
            tag.rpartition("/")[2]: float(tensor_util.make_ndarray(values[0][1].tensor))
            for (name, tag), values in scalars.items()
            if name == run
        }
        assert value["time_us"] == pytest.approx(row.time_s * 1e6)
        assert value["ratio"] == pytest.approx(row.ratio.value)
        assert value["GB_per_s"] == pytest.approx(row.gb_per_s)
        assert value["GFLOP_per_s"] == pytest.approx(row.gflop_per_s)
        assert value["error"] == pytest.approx(0.2)
        assert ("peak_MB" in value) == (row.contender != "loop")


def test_a_line_per_contender_against_size(published):
    values = of_plugin(published, "scalars")[
        "contenders/index_add", "patch_pooling/forward float32/time_us"
    ]
    expected = sorted(
        (r.outcome.bytes, median(r.outcome.samples_s) * 1e6)
        for r in records()
        if r.contender == "index_add"
        and (r.case.op, r.case.direction) == ("patch_pooling", "forward")
    )

    assert [step for step, _ in values] == [size for size, _ in expected]
    times = [float(tensor_util.make_ndarray(value.tensor)) for _, value in values]
    assert times == pytest.approx([time for _, time in expected])


def test_the_samples_are_histograms(published):
    found = of_plugin(published, histogram_metadata.PLUGIN_NAME)

    assert len(found) == sum(isinstance(r.outcome, Measured) for r in records())
    buckets = tensor_util.make_ndarray(
        found["contenders/index_add", "patch_pooling/small forward/time_us"][0][1].tensor
    )
    assert buckets[:, 2].sum() == 40


def test_texts(published):
    texts = {
        tag: tensor_util.make_ndarray(values[0][1].tensor).item().decode()
        for (_, tag), values in of_plugin(published, "text").items()
    }

    assert set(texts) == {
        "leaderboard/boundary_upsample",
        "leaderboard/patch_pooling",
        "operators/patch_pooling",
        "run/about",
    }
    assert texts["leaderboard/patch_pooling"].count("### ") == 6
    assert r"Example \| 2 cores" in texts["run/about"]
    assert "opbench run patch_pooling" in texts["run/about"]
    assert "aten::bmm" in texts["operators/patch_pooling"]


def test_pictures_are_png_of_the_stated_size(published):
    found = of_plugin(published, "images")

    assert {tag for _, tag in found} == {
        "boundary_upsample/ratio to best",
        "patch_pooling/ratio to best",
        "patch_pooling/time by size/backward float32",
        "patch_pooling/time by size/forward float32",
    }
    for values in found.values():
        width, height, png = tensor_util.make_ndarray(values[0][1].tensor)
        assert png.startswith(b"\x89PNG")
        assert int(width) == int.from_bytes(png[16:20], "big")
        assert int(height) == int.from_bytes(png[20:24], "big")


def test_publishing_again_replaces(tmp_path):
    run = make_run(tmp_path)
    assert not is_published(run)
    before = read(publish(run))
    assert is_published(run)
    (run.tensorboard / "stale").touch()

    after = read(publish(run))

    assert before.keys() == after.keys()
    assert all(len(before[key][1]) == len(after[key][1]) for key in before)
    assert not (run.tensorboard / "stale").exists()
    assert not list(run.path.glob(".tensorboard-*"))


def test_newer_records_ask_for_publishing_again(tmp_path):
    run = make_run(tmp_path)
    publish(run)
    run.append(record("late"))

    assert not is_published(run)


def test_a_failure_leaves_the_old_pages(tmp_path, monkeypatch):
    run = make_run(tmp_path)
    publish(run)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("opbench.dashboards.publish.events.write", fail)
    with pytest.raises(RunFolderError, match="cannot be written: No space left"):
        publish(run)
    assert is_published(run)


def test_a_run_without_records_is_published(tmp_path):
    run = run_folder.create(tmp_path, info())

    assert ("leaderboards", "run/about") in read(publish(run))


def test_an_odd_date_and_an_axis_of_several_types(tmp_path):
    run = run_folder.create(tmp_path, dataclasses.replace(info(), created="yesterday"))
    for number, value in enumerate((1, "left", True)):
        on = case(axes=(("side", value), ("shape", number)))
        run.append(record(on=on, outcome=measured((number + 1) * 1e-4, range(1))))
    for number in range(30):
        run.append(record("a/b", on=case(axes=(("n", number),), shape=f"s{number}")))

    assert len(of_plugin(read(publish(run)), "images")) >= 2


def test_publishing_does_not_need_torch(tmp_path):
    run = make_run(tmp_path)
    code = (
        "import sys, pkgutil, importlib, pathlib, dashboards\n"
        "for module in pkgutil.walk_packages(dashboards.__path__, 'dashboards.'):\n"
        "    importlib.import_module(module.name)\n"
        "from opbench.results.records.run_folder import open_run\n"
        f"importlib.import_module('opbench.dashboards.publish').publish(open_run({str(run.path)!r}))\n"
        "print('torch' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False False"
