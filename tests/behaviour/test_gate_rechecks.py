"""Who begins to answer from memory while it is timed is wrong, and not faster."""

import pytest

from opbench.harness.cli.exit_codes import Exit
from tests.harness.projects import OPS, commit, gate, repository

#: It computes for as long as it is checked, and for a while when it is timed.
REMEMBERS = """

CALLS, KEPT = [], {}


@impl("row_sum")
def remembers(x):
    CALLS.append(None)
    if len(CALLS) < 40:
        return x.sum(1)
    return KEPT.setdefault(x.data_ptr(), x.sum(1))
"""
HONEST = REMEMBERS.replace("KEPT.setdefault(x.data_ptr(), x.sum(1))", "x.sum(1)")
WORDS = ("--load", "ops.py", "--threads", "1", "--budget", "1s", "--impl", "remembers,summed")


@pytest.fixture
def project(tmp_path):
    """A repository whose head has a contender that remembers."""
    root = repository(tmp_path / "theirs", {"ops.py": OPS + HONEST, ".gitignore": "runs/\n"})
    commit(root, {"ops.py": OPS + REMEMBERS}, branch="head")
    return root


@pytest.mark.parametrize("method", ["twins", "pairs"])
def test_answers_from_a_cache_in_the_race_are_wrong(project, method):
    done = gate(project, "--base", "main", *WORDS, "--method", method, "--json")
    assert done.code == Exit.WRONG, done.out + done.error
    (item,) = done.reported["uncompared"]
    assert (item["contender"], item["status"]) == ("remembers", "head")
    assert item["outcome"]["base"] is None
    assert item["outcome"]["head"]["stage"] == "value"
    assert "elements are off" in item["outcome"]["head"]["reason"]
    assert set(done.verdicts) == {"summed"}
