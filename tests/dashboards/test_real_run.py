"""A real run that was profiled, as torch-tb-profiler reads it."""

import json
import urllib.request

from opbench.dashboards.serve import serve
from tests.harness.processes import PATIENCE, within


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
