"""Ordinary mishaps: one line that says what and where, and exit code 2; no traceback, no bug."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from opbench.harness.cli import app
from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records.run_folder import open_run
from tests.harness.processes import PATIENCE, interruptible, within
from tests.harness.runs import LOADED, MINE

OPBENCH = [sys.executable, "-P", "-m", "opbench"]
BRIEF = ["-k", "small", "--impl", "summed", "--threads", "1", "--budget", "100ms", *MINE]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run."""
    root = tmp_path_factory.mktemp("runs")
    words = ["run", "row_sum", *BRIEF, "--in-process", "--out", str(root), "--id", "one"]
    assert main(words) == Exit.OK
    return open_run(root / "one")


def reported(capsys, *words):
    """The line that is printed of a command line that comes to nothing."""
    assert main(words) == Exit.USAGE
    lines = capsys.readouterr().err.splitlines()
    lines = [line for line in lines if "warning" not in line and "loading" not in line]
    assert len(lines) == 1, lines
    assert "bug" not in lines[0]
    return lines[0]


def opbench(*words, **settings):
    """The real command in a process of its own."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
    return subprocess.run([*OPBENCH, *words], **settings, check=False)


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/nowhere"])
def test_pages_that_can_t_be_written(here, capsys, folder):
    Path("file").write_text("mine")
    line = reported(capsys, "list", "ops", "row_sum", *MINE, "--markdown", folder)
    assert folder.partition("/below")[0] in line
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/nowhere"])
def test_runs_that_can_t_be_made(here, capsys, out):
    Path("file").write_text("mine")
    line = reported(capsys, "run", "row_sum", *BRIEF, "--in-process", "--out", out)
    assert "cannot be made" in line
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("host", ["nonsense.invalid", "256.1.1.1", "a..b", "x" * 300, ":::"])
def test_hosts_that_are_none(run, capsys, host):
    for port in ("0", "6006"):
        line = reported(capsys, "dashboard", str(run.path), "--host", host, "--port", port)
        assert f"--host {host[:80]!r} is no address" in line


def test_a_port_that_is_taken(run, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["dashboard", str(run.path), "--host", "127.0.0.1", "--port", port]
        assert f"port {port} of 127.0.0.1 cannot be used" in reported(capsys, *words)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"[[accepted]"])
def test_accepted_changes_that_can_t_be_read(here, capsys, content):
    accepted = here / "accepted.toml"
    accepted.mkdir() if content is None else accepted.write_bytes(content)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([*GIT, "commit", "-qm", "one", "--allow-empty"], check=True)
    words = ["gate", "--base", "HEAD", "row_sum", *MINE, "--accepted", str(accepted), "-q"]
    done = opbench(*words, cwd=here)
    assert done.returncode in (Exit.USAGE, Exit.NOTHING), done.stderr
    assert "Traceback" not in done.stderr


GIT = ["git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]


@pytest.mark.parametrize(
    "words", [["list", "ops", "row_sum", *MINE], ["--help"], ["list", "--json"]]
)
def test_an_output_that_is_full(words):
    with Path("/dev/full").open("w") as full:
        done = opbench(*words, stdout=full)
    assert done.returncode == Exit.USAGE
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def closing(number):
    """What closes a stream of a process that is started."""
    return lambda: os.close(number)


def test_an_output_that_is_closed():
    done = opbench("list", "ops", "row_sum", *MINE, preexec_fn=closing(1))
    assert done.returncode == Exit.USAGE
    assert "standard output cannot be written: it is closed" in done.stderr


def test_a_closed_standard_error_stays_out_of_the_output(here):
    done = opbench("list", "ops", "nosuch", *MINE, preexec_fn=closing(2))
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    words = ["run", "row_sum", *BRIEF, "--out", str(here), "--id", "one"]
    assert opbench(*words, preexec_fn=closing(2)).returncode == Exit.OK
    # A file that had got the number of the stream would have what is printed in it.
    assert len(open_run(here / "one").records()) == 4


def test_a_disk_that_is_full_while_a_run_is_recorded(here):
    """The system refuses to let the file of records grow any more."""

    def limited():
        # Twice what `run.json` takes, and less than the records, however few the samples are.
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    words = ["run", "row_sum", *BRIEF, "--in-process", "--id", "one"]
    done = opbench(*words, cwd=here, preexec_fn=limited)
    assert done.returncode == Exit.USAGE
    last = done.stderr.splitlines()[-1]
    assert "runs/one/records.jsonl cannot be written: File too large" in last
    # What was recorded before can be read, and be gone on with.
    assert opbench("run", "--resume", "runs/one", cwd=here).returncode == Exit.OK


def test_a_working_directory_that_was_removed(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    done = opbench("run", "row_sum", *BRIEF, "--in-process", cwd=gone, preexec_fn=gone.rmdir)
    assert done.returncode == Exit.USAGE
    assert "Traceback" not in done.stderr


def test_commands_without_a_home_folder(here):
    """A user that the system doesn't know, without HOME."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("only root can become nobody")
    here.chmod(0o777)
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
    words = [*OPBENCH, "run", "row_sum", *BRIEF, "--out", str(here / "runs")]
    done = subprocess.run(
        ["setpriv", "--reuid=54321", "--clear-groups", *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if "Permission denied" in done.stderr:
        pytest.skip("nobody may read this Python")
    assert done.returncode == Exit.OK, done.stderr


def test_other_exceptions_are_bugs_with_a_traceback(capsys, monkeypatch):
    for error in (ValueError("oh"), ConnectionResetError("its own worker"), KeyError("x")):

        class Broken:
            HELP = "is broken"

            @staticmethod
            def run(args, error=error):
                raise error

        monkeypatch.setitem(app._VERBS, "list", Broken)
        monkeypatch.setattr(
            Broken, "add_arguments", staticmethod(lambda parser: None), raising=False
        )
        assert main(["list"]) == app.BUG
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run", "--id", "one"], "it goes on with `opbench run --resume 'my runs/one'`"),
        (["profile", "--id", "one"], "`opbench show 'my runs/one'`"),
    ],
)
def test_ctrl_c_names_the_folder(here, words, hint):
    process, error = begun([*words, "--out", "my runs"], here)
    started = here / "my runs" / "one" / "run.json"
    assert within(PATIENCE, started.exists)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert hint in error.read_text()


def test_ctrl_c_names_no_folder_where_there_is_none(here):
    process, error = begun(["check"], here)
    assert within(PATIENCE, lambda: "loading" in error.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert error.read_text().splitlines()[-1] == "opbench check: interrupted; nothing was recorded"


def begun(words, folder):
    """A command that has all the time of the world, and the file that its errors go into."""
    slow = folder / "slow.py"
    slow.write_text(
        "import time\n" + (LOADED / "row_sum.py").read_text() + "\n\n@impl('row_sum')\n"
        "def slow(x, *, scale=1.0):\n    time.sleep(600)\n    return x.sum(1)\n"
    )
    error = folder / "error.txt"
    with error.open("w") as file:
        command = [*OPBENCH, *words, "row_sum", "--impl", "slow", "--load", str(slow)]
        process = subprocess.Popen(
            command,
            cwd=folder,
            stderr=file,
            stdout=subprocess.DEVNULL,
            preexec_fn=interruptible,
        )
    return process, error
