"""The real `opbench profile --base`: what grew between two versions of a repository."""

import json
import subprocess

import pytest

from opbench.harness.cli.exit_codes import Exit
from opbench.results.records import Failed, Uncompared
from opbench.results.records.run_folder import open_run
from opbench.results.regression.profile_diff import differences
from tests.harness.projects import COMMAND, OPS, commit, repository, worktrees

WORDS = ("row_sum", "--load", "./ops.py", "--threads", "1")
#: Whom only the head has, and who crashes there.
MORE = """

@impl("row_sum")
def fresh(x):
    return x.clone().sum(1)


@impl("row_sum")
def crashes(x):
    import os

    os.abort()
"""


def profile(root, *words):
    """Run `opbench profile` in a folder: exit code, output, errors."""
    done = subprocess.run(
        (*COMMAND, "profile", *WORDS, *words), cwd=root, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A repository whose branch `slow` copies the input of a contender, and has others."""
    root = tmp_path_factory.mktemp("profiled") / "theirs"
    repository(root, {"ops.py": OPS + MORE.partition("@impl")[0] + _steady("crashes")})
    slower = OPS.replace("    return x.sum(1)\n", "    return x.clone().sum(1)\n", 1)
    assert slower != OPS
    commit(root, {"ops.py": slower + MORE}, branch="slow")
    return root


def _steady(name):
    return f'@impl("row_sum")\ndef {name}(x):\n    return x.sum(1)\n'


@pytest.fixture(scope="module")
def grown(project):
    """What came of profiling the working tree, which is `slow`, against `main`."""
    return profile(project, "--base", "main", "--id", "grown")


def test_an_added_copy_is_named_as_grown(grown):
    _, out, error = grown
    table = out.partition("row_sum · summed")[2].partition("row_sum · ")[0]

    assert "Traceback" not in error
    rows = [line.split() for line in table.splitlines() if "aten::" in line]
    cells = {name: rest for name, *rest in rows}
    assert cells["aten::clone"][:3] == ["new", "0", "1.00"]
    assert cells["aten::copy_"][:3] == ["new", "0", "1.00"]
    assert cells["aten::sum"][:2] == ["1.00", "1.00"]


def test_a_crash_in_the_head_is_named_and_exits_with_5(grown, project):
    code, out, _ = grown
    refused = {
        line.contender: line
        for line in open_run(project / "runs/grown").lines()
        if isinstance(line, Uncompared)
    }

    assert code == Exit.FAILED
    assert "not profiled in both versions" in out
    assert {name: line.status for name, line in refused.items()} == {
        "fresh": "new",
        "crashes": "head",
    }
    assert isinstance(refused["crashes"].outcome.head, Failed)


def test_both_traces_are_there_each_in_a_folder_of_its_side(grown, project):
    run = open_run(project / "runs/grown")
    (summed,) = (diff for diff in differences(run.profiles()) if diff.contender == "summed")

    base, head = ((run.path / trace) for trace in (summed.base_trace, summed.head_trace))
    assert base.parent.name.removesuffix("-base") == head.parent.name.removesuffix("-head")
    assert "aten::clone" not in base.read_text()
    assert "aten::clone" in head.read_text()


def test_the_run_says_which_commits_they_were(grown, project):
    settings = dict(open_run(project / "runs/grown").info.settings)

    assert json.loads(settings["base"]) == "main"
    assert len(json.loads(settings["base_commit"])) == 40
    assert settings["base_commit"] != settings["head_commit"]


def test_nothing_is_left_of_the_worktrees(grown, project):
    assert worktrees(project) == 1


def test_for_programs_and_the_other_way_round(project):
    code, out, _ = profile(
        project, "--base", "slow", "--head", "main", "--impl", "summed", "--json"
    )
    (diff,) = json.loads(out)["differences"]

    assert code == Exit.OK
    vanished = {o["name"] for o in diff["operators"] if o["status"] == "vanished"}
    assert {"aten::clone", "aten::copy_"} <= vanished
    assert diff["head_bytes"] < diff["base_bytes"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--base", "nobody"), Exit.USAGE, "no version 'nobody'"),
        (("--base", "main", "--build", "exit 3"), Exit.NOTHING, "does not build"),
        (("--head", "main"), Exit.USAGE, "say with --base"),
        (("--base", "main", "--in-process"), Exit.USAGE, "leave --in-process out"),
        (("--base", "main", "--base-python", "python3"), Exit.USAGE, "not allowed with"),
    ],
)
def test_impossible_profiles_are_refused_with_a_reason(project, words, code, said):
    got, _, error = profile(project, *words)

    assert got == code
    assert said in error
    assert "Traceback" not in error
