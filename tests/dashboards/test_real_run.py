"""The main job from end to end: a real run, profiled and published, as a browser shows it."""

import json
import os
import shutil
import urllib.request
from pathlib import Path

from opbench.dashboards.serve import serve
from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.dashboards.browser import look
from tests.harness.processes import PATIENCE, within


def test_tensorboard_shows_the_run(chromium, real_run, tmp_path):
    run_path = Path(shutil.copytree(real_run, tmp_path / "runs" / "real"))
    assert main(["publish", str(run_path)]) == Exit.OK
    screenshots = os.environ.get("SCREENSHOTS")
    seen = look(chromium, run_path.parent, screenshots=Path(screenshots) if screenshots else None)

    texts = seen["text"].content
    assert any("segment_reduce" not in text and "einsum" in text for text in texts)
    assert any("aten::repeat_interleave" in text for text in texts)
    # A line for each shape and pass, where three rounds were raced.
    assert seen["scalars"].content
    assert all(width > 300 for width, _ in seen["images"].pictures)


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
