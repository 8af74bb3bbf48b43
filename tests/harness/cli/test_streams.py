"""What an output can't hold comes out escaped, and warnings of reading come once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.summary_file import appender
from opbench.results.records import run_folder
from tests.results.examples import case, info, make_run, record


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with names from all over the world, and one with a lone surrogate and no partner."""
    root = tmp_path_factory.mktemp("runs")
    names = ("µ-kernel", "速い", "\ud83d")
    for run_id in ("names", "later"):
        lines = [record(name, on=case(shape="Größe")) for name in names]
        run_folder.create(root, info(run_id), lines)
    return root


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("ascii", "show names"),
        ("latin-1", "show names"),
        ("utf-8", "show names"),
        ("ascii", "show names --json"),
        ("ascii", "history --runs ."),
        ("cp1252", "compare names later"),
    ],
)
def test_names_that_the_output_cannot_hold(runs, encoding, words):
    done = subprocess.run(
        [sys.executable, "-m", "opbench", *words.split()],
        cwd=runs,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode in (Exit.OK, Exit.INCONCLUSIVE)
    text = done.stdout.decode(encoding)
    assert "速い" in text if encoding == "utf-8" else r"\u901f\u3044" in text
    assert r"\ud83d" in text


def test_a_damaged_line_is_warned_of_once(tmp_path, capsys):
    """Though a verb reads the lines several times."""
    run = make_run(tmp_path)
    whole = main(["show", str(run.path)])
    capsys.readouterr()
    with (run.path / "records.jsonl").open("a") as file:
        file.write("garbage\n")

    assert main(["show", str(run.path)]) == whole
    err = capsys.readouterr().err
    assert err.count("opbench show: warning: ") == 1
    assert "records.jsonl:" in err


def test_a_summary_takes_any_name(tmp_path):
    append = appender(str(tmp_path / "summary.md"))
    append("漢 \ud83d\n")

    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == "漢 \\ud83d\n"
