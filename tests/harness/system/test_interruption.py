"""Signals that end a process: once, in their time, and not those that it was set to ignore."""

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from opbench.harness.system.interruption import SIGNALS, as_interrupt, uninterrupted


@pytest.fixture(autouse=True)
def handlers():
    """The handlers of before are there afterwards."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_raises_keyboard_interrupt_and_handlers_are_restored(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), as_interrupt():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_repeated_signals_do_not_interrupt_the_cleanup():
    cleared = []

    def work():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            for number in SIGNALS * 2:
                signal.raise_signal(number)
                cleared.append(number)

    with pytest.raises(KeyboardInterrupt), as_interrupt():
        work()
    assert len(cleared) == 2 * len(SIGNALS)


def test_signal_after_the_patience_interrupts_again(monkeypatch):
    times = iter([0.0, 1.0, 60.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    heard = 0
    with as_interrupt():
        for _ in range(3):
            try:
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt:
                heard += 1
    assert heard == 2


def test_ignored_signals_stay_ignored():
    """As SIGHUP is under nohup, and SIGINT in the background of a shell."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with as_interrupt():
        signal.raise_signal(signal.SIGHUP)
        with uninterrupted():
            signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", SIGNALS)
def test_deferred_signal_has_its_effect_at_the_end(number):
    done = []

    def work():
        with uninterrupted():
            signal.raise_signal(number)
            done.append("cleared up")
        done.append("went on")

    with pytest.raises(KeyboardInterrupt), as_interrupt():
        work()
    assert done == ["cleared up"]


def test_deferred_signal_without_a_handler_ends_the_process():
    program = (
        "import os, signal\n"
        "from opbench.harness.system.interruption import uninterrupted\n"
        "with uninterrupted():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('cleared up', flush=True)\n"
        "print('went on')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "cleared up\n")


def test_process_with_a_closed_terminal_cleans_up_and_ends_as_interrupted(tmp_path):
    """Nothing can be printed then, and an exit code of 1 would say that something is slower."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", PRINTER, str(tmp_path / "cleared")]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    with subprocess.Popen(command, start_new_session=True, **streams) as process:
        os.close(theirs)
        assert os.read(ours, 100).startswith(b"ready")
        os.close(ours)
        assert process.wait() == 130
    assert (tmp_path / "cleared").exists()


#: Prints while it clears up, as who shows progress does, and after it.
PRINTER = """
import fcntl, pathlib, sys, termios, time
from opbench.harness.system.interruption import as_interrupt
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
with as_interrupt():
    try:
        try:
            print("ready", flush=True)
            time.sleep(600)
        finally:
            print("clearing up", flush=True)
            pathlib.Path(sys.argv[1]).touch()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
"""


def test_handlers_are_left_alone_in_other_threads():
    found = []

    def work():
        with as_interrupt(), uninterrupted():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]
