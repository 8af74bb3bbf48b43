"""The main job from end to end: a real run, profiled and published, as a browser shows it."""

import json
import os
import urllib.request
from pathlib import Path

import pytest

from opbench.dashboards.serve import serve
from tests.dashboards.browser import CHROME, look
from tests.dashboards.conftest import CONTENDERS
from tests.harness.processes import PATIENCE, within


@pytest.mark.skipif(CHROME is None, reason="no chromium; install it, or name one in CHROME")
def test_tensorboard_shows_the_run(real_run):
    screenshots = os.environ.get("SCREENSHOTS")
    seen = look(real_run, screenshots=Path(screenshots) if screenshots else None)

    # Two shapes, two passes; what is unsupported has a row without a time.
    assert len(seen.rows) == 4 * len(CONTENDERS)
    assert {row["contender"] for row in seen.rows} == set(CONTENDERS)
    times = [row["time_us"] for row in seen.ascending if "time_us" in row]
    assert len(times) == 4 * (len(CONTENDERS) - 1)
    assert times == sorted(times)
    assert any("runs on CUDA devices only" in text for text in seen.texts)
    assert any("aten::repeat_interleave" in text for text in seen.texts)
    assert seen.charts
    assert min(seen.charts) == 3
    assert seen.pictures
    assert all(width > 300 for width, _ in seen.pictures)


def test_torch_tb_profiler_finds_the_trace(real_run):
    with serve(real_run, port=0) as server:
        plugin = f"{server.url}data/plugin/pytorch_profiler"
        # It reads the traces in processes of its own, after TensorBoard has come up.
        assert within(PATIENCE, lambda: is_read(ask(f"{plugin}/runs")))
        (name,) = ask(f"{plugin}/runs")["runs"]
        assert name == "traces/patch_pooling-tiny-text-float32-forward-t2-s0"
        assert ask(f"{plugin}/workers?run={name}&view=Overview") == ["index_add"]


def is_read(found):
    return found["runs"] and not found["loading"]


def ask(url):
    """The JSON at an address."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return json.load(answer)
