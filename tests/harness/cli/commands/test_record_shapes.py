"""`opbench record-shapes`: programs in processes of their own, which end in their own ways."""

import json
import signal
import subprocess
import sys

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


def lines(folder):
    return [json.loads(line) for line in (folder / "shapes.jsonl").read_text().splitlines()]


def ensure_recorded(folder):
    found = lines(folder)
    assert {line["op"] for line in found} == set(CALLED)
    for line in found:
        axes, count, via = CALLED[line["op"]]
        assert {axis: line["axes"][axis] for axis in axes} == axes
        assert (line["count"], line["via"]) == (count, {via: count})
        assert line["seconds"] > 0


@pytest.mark.parametrize(
    ("ending", "code", "reason"),
    [
        ("", 0, ""),
        ("raises", 1, "ValueError: on purpose"),
        ("exits", 3, ""),
        (str(int(signal.SIGINT)), 130, "KeyboardInterrupt"),
    ],
)
def test_however_a_program_ends_its_calls_are_written(here, capfd, ending, code, reason):
    args = [ending, "-o", "--", "x"] if ending else []
    command = [sys.executable, "-W", "ignore", str(PROGRAM), *args]
    assert main(["record-shapes", "--", *command]) == code
    done = capfd.readouterr()
    assert reason in done.err
    assert done.out.endswith(f" {args}\n")
    ensure_recorded(here)
    assert "torch.Tensor.softmax (batched_softmax): 3 calls not read" in done.err


def test_a_signal_is_passed_on_and_ends_the_program_as_ever(tmp_path):
    words = [sys.executable, "-m", "opbench", "record-shapes", "-o", "shapes.jsonl", "--"]
    command = [*words, sys.executable, str(PROGRAM), "waits"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert "waits" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
    ensure_recorded(tmp_path)


def test_a_module_is_run_and_torch_may_never_be_imported(here, capfd):
    (here / "quiet.py").write_text("import sys\nprint(sys.argv[1:], __name__)\nsys.exit(4)\n")
    assert main(["record-shapes", sys.executable, "-m", "quiet", "--lr", "1"]) == 4
    done = capfd.readouterr()
    assert done.out == "['--lr', '1'] __main__\n"
    assert "did not import torch" in done.err
    assert not (here / "shapes.jsonl").exists()


def test_a_file_that_nobody_named_is_not_replaced(here, capsys):
    (here / "shapes.jsonl").write_text("mine")
    assert main(["record-shapes", "--", sys.executable, str(PROGRAM)]) == 2
    assert "shapes.jsonl is there already: give -o" in capsys.readouterr().err
    assert (here / "shapes.jsonl").read_text() == "mine"


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
