"""The sanitizers really end a worker whose kernel reads where it may not."""

import os
import subprocess
import sys

import pytest

from benchmarks import sanitized
from opbench.harness.cli.exit_codes import Exit
from tests.places import ROOT

LOADED = ROOT / "tests" / "loaded" / "overrun.py"


def test_a_read_beyond_the_last_number_is_named(tmp_path):
    try:
        variables = sanitized.environment(tmp_path)
    except SystemExit as error:
        pytest.skip(str(error))
    words = ["check", "row_sum", "--load", str(LOADED), "-k", "small and transposed"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "opbench", *words],
        env={**os.environ, **variables},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == Exit.FAILED, done.stdout + done.stderr
    assert "FAILED beyond of row_sum" in done.stdout
    assert "FAILED cpp" not in done.stdout
    reports = [path.read_text() for path in sanitized.reports(tmp_path)]
    assert any("heap-buffer-overflow" in text for text in reports)


def test_a_compiler_without_sanitizers_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "true")
    with pytest.raises(SystemExit, match=r"true has no libasan\.so"):
        sanitized.environment(tmp_path)
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    with pytest.raises(SystemExit, match="doesn't run"):
        sanitized.environment(tmp_path)
