"""A failure becomes a program of few numbers, which shows it without opbench."""

import re
import subprocess
import sys

import pytest

from opbench import Limits, Race, Supervisor, load
from opbench.harness.execution.observer import NullObserver
from opbench.harness.execution.reproduce import reproduce
from opbench.results.records import Case
from tests.places import LOADED

FILE = LOADED / "wrong_row_scale.py"
#: By contender, the sizes of the smallest case that shows it, and how its program ends.
EXPECTED = {
    "wrong_five_columns": ("R=1 N=6", "AssertionError: output 0: off by more than is allowed"),
    "wrong_without_shift": ("R=1 N=1", "AssertionError: output 0: off by more than is allowed"),
    "wrong_as_if_packed": ("R=2 N=2", "AssertionError: output 0: off by more than is allowed"),
    "wrong_between_gaps": ("R=1 N=2", "AssertionError: output 0: off by more than is allowed"),
    "wrong:four_rows": ("R=4 N=1", "RuntimeError: no more than 3 rows"),
    "wrong_weight_detached": ("R=1 N=1", "AssertionError: gradient 1: there is none"),
}


@pytest.fixture(scope="module")
def programs():
    """By contender, what `opbench check --reproduce` prints."""
    command = (sys.executable, "-m", "opbench", "check", "row_scale", "--load", str(FILE))
    chosen = (
        "--jobs",
        "1",
        "-k",
        "odd and (normal or shifted) and not (far or hangs)",
        "--reproduce",
    )
    done = subprocess.run((*command, *chosen), capture_output=True, text=True)
    texts = re.split(r"(?m)^# (?=[\w:]+ of row_scale: )", done.stdout)[1:]
    return {text.partition(" of row_scale")[0]: "# " + text for text in texts}


def run(program, folder):
    (folder / "program.py").write_text(program)
    command = (sys.executable, "-I", "program.py")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_each_wrong_contender_has_a_program_and_right_ones_have_none(programs):
    assert set(programs) == {*EXPECTED, "wrong_remembers"}


@pytest.mark.parametrize("name", EXPECTED)
def test_program_shows_the_failure_on_the_smallest_case(programs, name, tmp_path):
    sizes, end = EXPECTED[name]
    assert f"({sizes})" in programs[name]
    assert "import opbench" not in programs[name]
    done = run(programs[name], tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(end)


def test_the_search_has_the_limits_of_the_check():
    """The contender is wrong at once, and hangs on everything smaller."""
    case = Case(
        op="row_scale", shape="odd", axes=(("R", 7), ("N", 13)), inputs="normal", dtype="float32"
    )
    death, race = Deaths(), Race(case, ("wrong_then_hangs",))
    with Supervisor((str(FILE),), limits=Limits(timeout_s=3.0)) as supervisor:
        assert supervisor.reproduce(race, death) == ""
    (reason,) = death.reasons
    assert reason.startswith("took longer than 3 s")


class Deaths(NullObserver):
    def __init__(self):
        self.reasons = []

    def done(self, name, result, output=""):
        self.reasons.append(result.reason)


def test_program_copies_a_view_where_fresh_memory_is_due(tmp_path):
    """As the harness does; a view that is wrong is wrong there too."""
    case = Case(
        op="row_twice",
        shape="odd",
        axes=(("R", 3), ("N", 2)),
        inputs="normal",
        dtype="float32",
        board="materialise",
    )
    twice = load(FILE, entry_points=False)
    program = reproduce(twice, Race(case, ("wrong_view",)), NullObserver())
    assert "torch.contiguous_format" in program
    assert run(program, tmp_path).stderr.strip().splitlines()[-1].startswith("AssertionError")


def test_program_says_what_only_the_check_can_show(programs, tmp_path):
    done = run(programs["wrong_remembers"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "as expected here; the check found: " in done.stdout
