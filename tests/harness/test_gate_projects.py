"""The real `opbench gate` in projects as others have them: installed, in subfolders, just begun.

A session takes long, since each of its processes imports torch: one shows several things.
"""

import subprocess
import sys

import pytest

from opbench.harness.cli.exit_codes import Exit
from tests.harness import strangers
from tests.harness.projects import OPS, commit, gate, git, repository

LOAD = ("--load", "./bench/ops.py", "--threads", "1")
#: As short as a session can be; what is planted is a threefold slowdown.
SHORT = ("--min-slowdown", "50%", "--budget", "1s")
BUILD = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
FLAT = f'{BUILD}[project]\nname = "gears"\nversion = "1"\n[tool.setuptools]\npackages = ["gears"]\n'
FAST = "def rows(x):\n    return x.sum(1)\n"
SLOW = "def rows(x):\n    return x.clone().clone().clone().clone().sum(1)\n"
#: Contenders that are slower in the head by what they import, and by what they read.
USING = (
    OPS.replace("import torch\n", "from pathlib import Path\n\nimport gears\nimport torch\n", 1)
    + """

TIMES = int(Path("bench/times.txt").read_text())


@impl("row_sum")
def imported(x):
    return gears.rows(x)


@impl("row_sum")
def tabled(x):
    for _ in range(TIMES):
        x = x.clone()
    return x.sum(1)


@impl("row_sum")
def lazy(x):
    for _ in range(20 * int(Path("bench/times.txt").read_text())):
        x = x.clone()
    return x.sum(1)
"""
)


def install(folder, project, *mode):
    """The Python of a new environment, which has all that this one has and the project."""
    python = strangers.environment(folder)
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    subprocess.run((*pip, "--no-deps", "--no-build-isolation", *mode, str(project)), check=True)
    return str(python)


@pytest.mark.alone
def test_a_version_imports_and_reads_its_own_files(tmp_path):
    """Installed for editing from a subfolder, by an import hook; and read by relative places."""
    root = repository(
        tmp_path / "theirs",
        {
            ".gitignore": "*.egg-info/\n__pycache__/\nruns/\n_native.py\n",
            "python/pyproject.toml": FLAT,
            "python/gears/__init__.py": FAST,
            "python/bench/ops.py": USING,
            "python/bench/times.txt": "0",
        },
    )
    python = install(tmp_path, root / "python", "--editable")
    slow = {"python/gears/__init__.py": SLOW, "python/bench/times.txt": "4"}
    commit(root, slow, branch="slow")
    (root / "python/gears/_native.py").write_text("")
    impls = ("row_sum", "--impl", "imported,tabled,lazy,summed")
    done = gate(root / "python", "--base", "main", *impls, *LOAD, *SHORT, "--json", python=python)
    assert done.code == Exit.REGRESSION, done.error
    slower = {name for name, verdict in done.verdicts.items() if verdict == "slower"}
    assert slower == {"imported", "tabled", "lazy"}
    assert done.told["gate"]["method"] == "twins"
    (warning,) = done.told["gate"]["warnings"]
    assert "git ignores python/gears/_native.py" in warning
    assert f"opbench gate: warning: {warning}" in done.error


@pytest.mark.parametrize("head", [".", "slow"])
def test_an_installed_copy_is_named_and_nothing_compared(tmp_path, head):
    project = FLAT.partition("[tool")[0]
    files = {"pyproject.toml": project, "src/gears/__init__.py": FAST, "bench/ops.py": USING}
    root = repository(tmp_path / "theirs", {**files, "bench/times.txt": "0"})
    commit(root, {"src/gears/__init__.py": SLOW}, branch="slow")
    python = install(tmp_path, root)
    done = gate(root, "--base", "main", "--head", head, *LOAD, *SHORT, python=python)
    assert done.code == Exit.NOTHING, done.out
    assert "main imports gears from " in done.error
    assert "site-packages/gears/__init__.py, an installed copy of gears" in done.error
    assert "pip install -e" in done.error


NEW = """

@impl("row_sum")
def broken(x):
    raise RuntimeError("no luck")


@impl("row_sum")
def wrong(x):
    return x.sum(1) + 1
"""
CRASHING = """

@impl("row_sum")
def crashing(x):
    import os

    os.abort()
"""


@pytest.mark.parametrize(
    ("base", "head", "code", "expected"),
    [
        ({"notes.txt": ""}, OPS, Exit.OK, {"multiplied": ("new", None)}),
        ({"bench/ops.py": ""}, OPS, Exit.OK, {"multiplied": ("new", None)}),
        (
            {"notes.txt": ""},
            OPS + NEW,
            Exit.WRONG,
            {"summed": ("new", None), "broken": ("head", "no luck"), "wrong": ("head", "are off")},
        ),
        (
            {"notes.txt": ""},
            OPS + CRASHING,
            Exit.FAILED,
            {"summed": ("new", None), "crashing": ("head", "SIGABRT")},
        ),
    ],
)
def test_contenders_of_the_head_alone_are_tried_there(tmp_path, base, head, code, expected):
    """The change that brings the first benchmarks passes where they are right, and else fails."""
    root = repository(tmp_path / "theirs", base)
    commit(root, {"bench/ops.py": head}, branch="later")
    done = gate(root, "--base", "main", *LOAD, *SHORT, "--json")
    assert done.code == code, done.out + done.error
    told = {item["contender"]: item for item in done.told["uncompared"]}
    for name, (status, reason) in expected.items():
        assert told[name]["status"] == status
        outcome = told[name]["outcome"]["head"]
        assert outcome is None if reason is None else reason in outcome["reason"]
    assert done.verdicts == {}


def test_a_base_that_fails_for_another_reason_is_no_new_file(tmp_path):
    root = repository(tmp_path / "theirs", {"bench/ops.py": "import bench.helper\n"})
    commit(root, {"bench/ops.py": OPS, "bench/helper.py": ""}, branch="later")
    done = gate(root, "--base", "main", *LOAD, *SHORT)
    assert done.code == Exit.NOTHING
    assert "main does not load" in done.error


MONO = f"""{BUILD}[project]
name = "alpha-ops"
version = "1"
[project.entry-points."opbench.suites"]
alpha = "alpha_ops.races"
"""


def test_entry_points_are_those_of_the_project_one_is_in(tmp_path):
    """Its module has another name in the head; the repository's other project is as it was."""
    renamed = OPS.replace("row_sum", "alpha_sum")
    beta = MONO.replace("alpha", "beta")
    root = repository(
        tmp_path / "mono",
        {
            ".gitignore": "*.egg-info/\n__pycache__/\nruns/\n",
            "packages/alpha/pyproject.toml": MONO,
            "packages/alpha/src/alpha_ops/races.py": renamed,
            "packages/beta/pyproject.toml": beta,
            "packages/beta/src/beta_ops/races.py": OPS.replace("row_sum", "beta_sum"),
        },
    )
    alpha = root / "packages" / "alpha"
    git(root, "checkout", "--quiet", "-b", "head")
    git(alpha, "mv", "src/alpha_ops/races.py", "src/alpha_ops/contests.py")
    commit(root, {"packages/alpha/pyproject.toml": MONO.replace(".races", ".contests")})
    python = install(tmp_path, alpha, "--editable", str(root / "packages" / "beta"), "--editable")
    words = ("alpha_sum", "beta_sum", "--impl", "summed", "--threads", "1", *SHORT, "--json")
    done = gate(alpha, "--base", "main", *words, python=python)
    assert done.code in (Exit.OK, Exit.INCONCLUSIVE), done.error
    compared = {found["case"]["op"] for found in done.told["findings"]}
    assert compared == {"alpha_sum", "beta_sum"}
    assert done.uncompared == {}


#: One registers an op when it is called for the first time, one calls what is the head's.
LAZY = """

OPS = {{}}


@impl("row_sum")
def registers(x):
    if not OPS:
        @torch.library.custom_op("theirs::row_sum", mutates_args=())
        def op(x: torch.Tensor) -> torch.Tensor:
            return {call}
        OPS["op"] = op
    return OPS["op"](x)


@impl("row_sum")
def strays(x):
    import sys
    sys.path.insert(0, "{home}")
    import helpers_of_head
    return x.sum(1)
"""


@pytest.fixture(scope="module")
def lazily(tmp_path_factory):
    """A repository of such contenders, whose head is slower."""
    root = tmp_path_factory.mktemp("lazy") / "theirs"
    files = {"bench/helpers_of_head.py": "", ".gitignore": "runs/\n__pycache__/\n"}
    home = root / "bench"
    repository(root, {**files, "bench/ops.py": OPS + LAZY.format(call="x.sum(1)", home=home)})
    slow = LAZY.format(call="x.clone().clone().clone().clone().clone().clone().sum(1)", home=home)
    commit(root, {"bench/ops.py": OPS + slow}, branch="slow")
    return root


@pytest.mark.alone
def test_a_contender_that_cannot_be_twins_is_timed_in_pairs(lazily):
    words = ("row_sum", "--impl", "registers,summed", *LOAD, *SHORT, "--id", "both")
    done = gate(lazily, "--base", "main", *words)
    assert done.code == Exit.REGRESSION, done.out + done.error
    assert "as pairs, since they register ops with torch" in done.out
    from opbench.results.records.run_folder import open_run
    from opbench.results.regression.report import report_of

    report = report_of(open_run(lazily / "runs" / "both"))
    methods = {found.contender: found.method for found in report.findings}
    assert methods == {"registers": "pairs", "summed": "twins"}


def test_an_uncompared_contender_has_its_reason(lazily, tmp_path):
    """Asked for as twins; and what is found to be mixed only when it is called."""
    summary = tmp_path / "summary.md"
    words = ("row_sum", "--impl", "registers,strays", *LOAD, *SHORT, "--method", "twins")
    done = gate(lazily, "--base", "main", *words, "--summary", str(summary), COLUMNS="300")
    assert done.code == Exit.NOTHING, done.out + done.error
    told = summary.read_text().replace("\\_", "_")
    assert "registers theirs::row_sum with torch, which can't have two of them in one" in told
    assert "main imports helpers_of_head from " in told
    for text in (done.out, told):
        assert "theirs::row_sum" in text
        assert "helpers_of_head" in text
        assert "1 that can't be two in one process (--method pairs)" in text
        assert "1 with code of the other version" in text
