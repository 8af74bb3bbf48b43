"""The real `opbench explain --base`: why a contender is slower in one of two versions."""

import json
import subprocess

import pytest

from opbench.harness.cli.exit_codes import Exit
from opbench.results.records.run_folder import open_run
from tests.harness.projects import COMMAND, OPS, commit, repository

WORDS = ("row_sum", "--load", "./ops.py", "--threads", "1", "-q")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A repository whose branch `slow` copies the input of a contender, many times."""
    root = tmp_path_factory.mktemp("explained") / "theirs"
    repository(root, {"ops.py": OPS})
    slower = OPS.replace("    return x.sum(1)\n", "    return x" + ".clone()" * 30 + ".sum(1)\n", 1)
    assert slower != OPS
    commit(root, {"ops.py": slower}, branch="slow")
    return root


def test_two_versions_of_a_contender(project):
    command = (*COMMAND, "explain", *WORDS, "--base", "main", "--id", "why", "--json")
    done = subprocess.run(
        (*command, "--impl", "summed"), cwd=project, capture_output=True, text=True
    )
    found = json.loads(done.stdout)["explanation"]
    (recorded,) = open_run(project / "runs" / "why").explanations()

    assert "Traceback" not in done.stderr
    assert done.returncode in (Exit.OK, Exit.INCONCLUSIVE)
    assert {recorded.slower.side, recorded.faster.side} == {"base", "head"}
    # How much of the machine others take decides whether a difference shows.
    if recorded.difference == "slower":
        assert found["slower"]["side"] == "head"
        assert found["causes"][0]["kind"] in ("copy", "python")
