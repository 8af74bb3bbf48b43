"""How far the work is, where there is no terminal and where there is one."""

import os
import re
import select
import subprocess
import sys

import pytest

from opbench.harness.cli.output import Output
from opbench.harness.cli.terminal import busy, gate_progress, progress
from opbench.harness.planning.selection import Race
from opbench.results.records import Case
from tests.places import LOADED

RACES = [
    Race(Case(op="an_op", shape=f"shape{n}", axes=(), inputs="normal"), ("one",)) for n in range(3)
]
MINE = LOADED / "row_sum.py"


def output(verb="run", *, quiet=False):
    return Output(verb, quiet=quiet)


def through(observer, races=RACES):
    observer.expect(races)
    for race in races:
        observer.begin_case(race)
        observer.begin("one", "prepare")
        observer.begin("", "race")
        observer.end_case(race)


def test_a_line_for_each_case_where_there_is_no_terminal(capsys):
    with progress(output()) as observer:
        through(observer)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "opbench run: loading"
    assert lines[1:] == [
        f"opbench run: {n + 1} of 3 cases, 0s{left}: an_op shape{n} normal float32 forward"
        for n, left in enumerate([", about 0s left", ", about 0s left", ""])
    ]


def test_the_many_cases_of_a_check_have_few_lines(capsys):
    with progress(output("check")) as observer:
        through(observer, RACES * 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < 50
    assert lines[-1].startswith("opbench check: 300 of 300 cases")


@pytest.mark.parametrize("reported", [progress, gate_progress])
def test_quiet_is_quiet(reported, capsys):
    with reported(output(quiet=True)) as observer:
        if reported is progress:
            through(observer)
        else:
            observer.begin_unit("screen", 0, 4)
    with busy(output(quiet=True), "measuring"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_line_for_each_unit_of_a_gate(capsys):
    with gate_progress(output("gate")) as observer:
        observer.begin_unit("screen", 0, 4)
        observer.begin_case(RACES[0])
        observer.begin_unit("verify", 1, 2)
    assert capsys.readouterr().err.splitlines() == [
        "opbench gate: screening: process 1, 4 undecided, 0s",
        "opbench gate: confirming: pair 2, 2 undecided, 0s",
    ]


def test_a_line_for_a_long_measurement(capsys):
    with busy(output("calibrate"), "measuring cpu"):
        pass
    assert capsys.readouterr().err == "opbench calibrate: measuring cpu\n"


def test_a_terminal_shows_phases_and_elapsed_time(tmp_path):
    """One case, whose bar would tell nothing."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "opbench", "run", "row_sum", "-k", "small", "--in-process"]
    command += ["--load", str(MINE), "--impl", "summed", "--budget", "300ms", "--threads", "1"]
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=theirs, stdout=subprocess.DEVNULL, env=environment
    )
    os.close(theirs)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", _read(ours))
    assert process.wait() == 0, text
    assert "loading" in text
    assert "row_sum small normal float32 forward · racing" in text
    assert re.search(r"\d:\d\d:\d\d", text)
    assert "-:--:--" not in text


def _read(terminal):
    """All that is written to a terminal until the writer ends."""
    found = b""
    while select.select([terminal], [], [], 120)[0]:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # so a terminal tells that nobody has it any more
            break
        found += more
    os.close(terminal)
    return found.decode(errors="replace")
