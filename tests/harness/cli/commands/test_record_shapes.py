"""`opbench record-shapes`: programs in processes of their own, which end in their own ways."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opbench.harness.cli.app import main
from tests.places import LOADED

PROGRAM = LOADED / "pooled.py"
#: By op, the axes, the count, and by which way.
CALLED = {
    "conv2d": ({"N": 2, "Ci": 3, "H": 4, "W": 4, "Co": 4, "K": 3}, 3, "nn.functional.conv2d"),
    "batched_logsumexp": ({"B": 2, "N": 64}, 3, "contender"),
    "batched_softmax": ({"B": 16, "N": 8}, 3, "nn.functional.softmax"),
    "batched_cross_entropy_loss": ({"B": 2, "C": 64}, 3, "nn.functional.cross_entropy"),
}


def record(folder: Path, *program: str) -> subprocess.CompletedProcess[str]:
    """Run `opbench record-shapes` in a folder."""
    words = [sys.executable, "-m", "opbench", "record-shapes", "-o", "shapes.jsonl", "--"]
    return subprocess.run([*words, *program], cwd=folder, capture_output=True, text=True)


def lines(folder):
    return [json.loads(line) for line in (folder / "shapes.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("", 0, ""),
        ("raises", 1, "ValueError: on purpose"),
        ("exits", 3, ""),
        (str(int(signal.SIGINT)), 130, "KeyboardInterrupt"),
        (str(int(signal.SIGTERM)), 143, ""),
    ],
)
def test_however_a_program_ends_its_calls_are_written(tmp_path, ending, code, said):
    args = [ending, "-o", "--", "x"] if ending else []
    done = record(tmp_path, sys.executable, "-W", "ignore", str(PROGRAM), *args)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stdout.endswith(f" {args}\n")
    found = lines(tmp_path)
    assert {line["op"] for line in found} == set(CALLED)
    for line in found:
        axes, count, via = CALLED[line["op"]]
        assert {axis: line["axes"][axis] for axis in axes} == axes
        assert (line["count"], line["via"]) == (count, {via: count})
        assert line["seconds"] > 0
    assert "torch.Tensor.softmax (batched_softmax): 3 calls not read" in done.stderr


def test_a_program_prints_what_it_prints_otherwise(tmp_path):
    alone = subprocess.run([sys.executable, PROGRAM, "x"], capture_output=True, text=True)
    done = record(tmp_path, sys.executable, str(PROGRAM), "x")
    assert done.stdout == alone.stdout != ""


def test_a_module_is_run_and_torch_may_never_be_imported(tmp_path):
    (tmp_path / "quiet.py").write_text("import sys\nprint(sys.argv[1:], __name__)\nsys.exit(4)\n")
    done = record(tmp_path, sys.executable, "-m", "quiet", "--lr", "1")
    assert (done.returncode, done.stdout) == (4, "['--lr', '1'] __main__\n")
    assert "did not import torch" in done.stderr
    assert not (tmp_path / "shapes.jsonl").exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ([], "say what to run after --"),
        (["--", "ls"], "ls is no Python"),
        (["--", "python9.9", "x.py"], "there is no python9.9"),
        (["--", sys.executable], "what is it to run"),
        (["--", sys.executable, "-c", "1"], "give a file, or a module with -m"),
        (["--", sys.executable, "gone.py"], "there is no file gone.py"),
        (["--", "gone.py"], "there is no file gone.py"),
        (["-o", "no/where.jsonl", "--", sys.executable, str(PROGRAM)], "there is no folder no"),
    ],
)
def test_what_cant_be_run_is_a_wrong_command_line(here, capsys, command, reason):
    assert main(["record-shapes", *command]) == 2
    assert reason in capsys.readouterr().err
    assert list(here.iterdir()) == []
