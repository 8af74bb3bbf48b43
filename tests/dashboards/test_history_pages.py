"""A history in TensorBoard: what its own readers find in the pages, and a real server."""

import json
import urllib.request

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from opbench.dashboards.history import MOST_LINES, is_history, publish_history
from opbench.dashboards.serve import serve
from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.errors import RunFolderError
from opbench.results.regression.history import history
from tests.harness.processes import PATIENCE
from tests.results.examples import make_run
from tests.results.histories import make_runs, noisy

TAG = "patch_pooling/small/relative"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    times = {"index_add": noisy([3e-6] * 20), "einsum": noisy([3e-6] * 12 + [6e-6] * 8)}
    make_runs(root, times, bare=(0,))
    assert main(["history", "patch_pooling", "--runs", str(root), "--publish"]) == Exit.OK
    return root


def read(folder):
    """What TensorBoard reads of one line."""
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return found


def test_the_series_are_scalars_by_run_and_time(runs):
    (series,) = history(runs, keep=lambda r: r.contender == "einsum").series
    events = read(runs / "history/tensorboard/contenders/einsum").Tensors(TAG)

    known = [point for point in series.points if point.relative is not None]
    assert [event.step for event in events] == list(range(1, 20))
    assert [event.wall_time for event in events] == [point.created for point in known]
    values = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in events]
    assert values == pytest.approx([point.relative for point in known])
    times = read(runs / "history/tensorboard/contenders/einsum")
    assert len(times.Tensors("patch_pooling/small/time_us")) == 20


def test_changes_are_marked(runs):
    pages = read(runs / "history/tensorboard/history")

    (event,) = pages.Tensors("history/patch_pooling")
    text = tensor_util.make_ndarray(event.tensor_proto).item().decode()
    assert "einsum" in text.splitlines()[0]
    assert "from run-011 to run-012" in text.splitlines()[0]
    assert "runs without anchors: 1" in text
    (picture,) = pages.Tensors("patch_pooling/small")
    _, _, png = tensor_util.make_ndarray(picture.tensor_proto)
    assert png.startswith(b"\x89PNG")


def test_publishing_again_replaces(runs, tmp_path):
    found = history(runs)
    publish_history(found, tmp_path)
    (tmp_path / "tensorboard" / "stale").touch()

    target = publish_history(found, tmp_path)

    assert {path.name for path in target.iterdir()} == {"contenders", "history"}
    assert not list(tmp_path.glob(".tensorboard-*"))


def test_of_many_contenders_those_that_changed_are_lines(tmp_path):
    times = {f"steady_{n}": noisy([3e-6] * 12) for n in range(MOST_LINES)}
    make_runs(tmp_path, times | {"stepped": noisy([3e-6] * 6 + [9e-6] * 6)})
    target = publish_history(history(tmp_path), tmp_path / "history")

    lines = {path.name for path in (target / "contenders").iterdir()}
    assert len(lines) == MOST_LINES
    assert "stepped" in lines


def test_a_history_without_anchors(tmp_path):
    make_run(tmp_path)
    target = publish_history(history(tmp_path), tmp_path / "history")

    tags = read(target / "contenders/index_add").Tags()["tensors"]
    assert tags
    assert all(tag.endswith("/time_us") for tag in tags)


def test_a_folder_that_cannot_be_written(runs, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="cannot be written"):
        publish_history(history(runs), tmp_path / "file")


def test_a_folder_that_is_no_history_is_not_replaced(runs, tmp_path):
    found = history(runs)
    make_run(tmp_path, "history")
    (tmp_path / "theirs" / "tensorboard").mkdir(parents=True)
    (tmp_path / "theirs" / "tensorboard" / "events").touch()

    with pytest.raises(RunFolderError, match="lies in the run"):
        publish_history(found, tmp_path / "history")
    with pytest.raises(RunFolderError, match="isn't a history that opbench published"):
        publish_history(found, tmp_path / "theirs")

    assert not (tmp_path / "history" / "tensorboard").exists()
    assert (tmp_path / "theirs" / "tensorboard" / "events").exists()


def test_it_is_served_and_is_no_run(runs):
    folder = runs / "history"
    assert is_history(folder)
    assert not is_history(runs / "run-001")
    assert len(history(runs).runs) == 20

    with serve(folder, port=0) as server:
        address = f"{server.url}data/plugin/scalars/tags"
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            tags = json.load(answer)
    assert TAG in tags["tensorboard/contenders/einsum"]
