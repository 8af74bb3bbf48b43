"""Publishing: the event files hold what the records say."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections import defaultdict

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.util import tensor_util

from opbench.dashboards import hparams
from opbench.dashboards.publish import is_published, publish, publish_hparams
from opbench.results.errors import RunFolderError
from opbench.results.ranking.leaderboard import boards
from opbench.results.records import run_folder
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


def test_how_far_the_next_is_behind_the_best_is_a_line_over_the_rounds(published):
    scalars = of_plugin(published, "scalars")
    assert len(scalars) == sum(len(board.measured) > 1 for board in boards(records()))

    points = scalars[".", "patch_pooling/small normal float32 forward/next_slower_by_percent"]
    assert [step for step, _ in points] == list(range(40))
    found = [float(tensor_util.make_ndarray(value.tensor)) for _, value in points]
    best, other = (
        next(r.outcome for r in records() if r.contender == row.contender)
        for row in boards(records())[0].measured[:2]
    )
    pairs = zip(other.samples_s, best.samples_s, strict=True)
    assert found == pytest.approx([100 * (slow / fast - 1) for slow, fast in pairs], rel=1e-4)
    assert "longer segment_reduce took than index_add" in points[0][1].metadata.summary_description


def test_too_few_rounds_to_be_drawn_have_no_line(tmp_path):
    jobs = [record(name, measured(1e-4, range(2))) for name in "ab"]
    jobs += [record("a", on=case(shape="alone"))]
    published = read(publish(run_folder.create(tmp_path, info(), jobs)))
    assert of_plugin(published, "scalars") == {}


def test_cases_that_are_called_alike_have_lines_of_their_own(tmp_path):
    jobs = [record(n, measured(), case(threads=t)) for n in "ab" for t in (1, 2)]
    found = of_plugin(read(publish(run_folder.create(tmp_path, info(), jobs))), "scalars")
    assert len(found) == 2


def test_a_run_is_one_folder_of_the_log_and_few_files(published, run):
    assert {folder for folder, _ in published} == {"."}
    assert sum(path.is_file() for path in run.tensorboard.rglob("*")) == 1


def test_hparams_have_a_row_per_contender_and_case(run, tmp_path):
    assert publish_hparams(run, tmp_path / "table") == 0
    found = read(tmp_path / "table")
    rows = [
        hparams_metadata.parse_session_start_info_plugin_data(
            values[0][1].metadata.plugin_data.content
        )
        for (_, tag), values in of_plugin(found, "hparams").items()
        if tag == hparams_metadata.SESSION_START_INFO_TAG
    ]

    assert len({row.group_name[:7] for row in rows}) == len(rows) == len(records())
    settings = {key[3:] for row in rows for key in row.hparams}
    assert {"op", "contender", "shape", "dtype", "inputs", "threads", "B", "S"} <= settings
    scalars = of_plugin(found, "scalars")
    best = next(b for b in boards(records()) if b.case.op == "boundary_upsample").measured[0]
    (_, value) = scalars[f"000 {best.contender}", "hparams/time_us"][0]
    assert float(tensor_util.make_ndarray(value.tensor)) == pytest.approx(best.time_s * 1e6)


def test_hparams_are_no_more_rows_than_tensorboard_shows(tmp_path, monkeypatch):
    monkeypatch.setattr(hparams, "MOST_ROWS", 7)
    run = make_run(tmp_path / "runs")
    assert publish_hparams(run, tmp_path / "table") == len(records()) - 7
    # A folder for each row, and the columns.
    assert len(list((tmp_path / "table").rglob("events.*"))) == 8


def test_hparams_go_into_a_new_folder_apart_from_runs(run, tmp_path):
    with pytest.raises(RunFolderError, match="is there already; name a folder that isn't"):
        publish_hparams(run, tmp_path)
    with pytest.raises(RunFolderError, match="lies in the run"):
        publish_hparams(run, run.path / "table")
    with pytest.raises(RunFolderError, match=r"lies among the runs of .* name a folder elsewhere"):
        publish_hparams(run, run.path.parent / "table")


def test_texts(published, run):
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
    board = texts["leaderboard/patch_pooling"]
    assert "### patch_pooling\n" in board
    assert "| contender | case | time | ratio | interval | verdict | ceiling |" in board
    assert "Not in the table: triton." in board
    assert f"All of it: `opbench show {run.path} patch_pooling --wide`" in board
    assert board.count("0 \\* NaN leaks") == 1
    assert r"Example \| 2 cores" in texts["run/about"]
    assert "opbench run patch_pooling" in texts["run/about"]
    assert "aten::bmm" in texts["operators/patch_pooling"]


def test_a_text_has_the_first_rows_of_each_case_and_says_how_many_there_are(tmp_path):
    jobs = [
        record(f"c{n}", measured((n + 1) * 1e-4, range(3)), case(shape=f"s{shape}"))
        for shape in range(5)
        for n in range(30)
    ]
    published = read(publish(run_folder.create(tmp_path, info(), jobs)))
    ((_, value),) = of_plugin(published, "text")[".", "leaderboard/patch_pooling"]
    board = tensor_util.make_ndarray(value.tensor).item().decode()

    assert "### patch_pooling: 50 of 150 rows" in board
    assert sum(line.startswith("| c") for line in board.splitlines()) == 51
    assert all(f"| s{shape} |" in board for shape in range(5))


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

    assert (".", "run/about") in read(publish(run))


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
