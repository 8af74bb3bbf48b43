"""Serving: TensorBoard answers, and what prevents it is reported."""

from __future__ import annotations

import json
import socket
import sys
import urllib.request

import pytest

from opbench.dashboards import serve as module
from opbench.dashboards.publish import is_published
from opbench.dashboards.serve import serve
from opbench.results.errors import OpbenchError, RunFolderError
from tests.results.examples import make_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path)


def test_a_run_is_published_and_served(run, capfd):
    with serve(run.path, port=0, host="127.0.0.1") as server:
        assert is_published(run)
        with urllib.request.urlopen(f"{server.url}data/plugin/text/tags") as answer:
            assert "tensorboard" in json.load(answer)
        assert server.page("text").startswith(f"{server.url}?")
        assert "#text" in server.page("text")
    assert server.wait() is not None
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_an_error(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(OpbenchError, match=rf"port {port} of 127.0.0.1 cannot be used .*--port"),
            serve(run.path, port=port, host="127.0.0.1"),
        ):
            pytest.fail("it was served")


def test_a_folder_that_is_no_run_is_not_served(tmp_path):
    with pytest.raises(RunFolderError, match="is not a run"), serve(tmp_path, port=0):
        pytest.fail("it was served")


def test_the_output_of_a_tensorboard_that_dies_is_in_the_error(run, monkeypatch, tmp_path):
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\necho out of luck\nexit 3\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))

    with (
        pytest.raises(OpbenchError, match=r"ended with 3 at .*\nout of luck"),
        serve(run.path, port=0),
    ):
        pytest.fail("it was served")


def test_tensorboard_that_never_answers_is_ended(run, monkeypatch, tmp_path):
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))
    monkeypatch.setattr(module, "PATIENCE", 0.3)

    with pytest.raises(OpbenchError, match="did not answer"), serve(run.path, port=0):
        pytest.fail("it was served")
