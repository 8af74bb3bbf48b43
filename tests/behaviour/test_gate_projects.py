"""The real `opbench gate` in projects as others have them: installed, in subfolders, just begun.

A session takes long, since each of its processes imports torch: one shows several things.
"""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from opbench.harness.cli.exit_codes import Exit
from opbench.results.records import Wrong
from opbench.results.records.run_folder import open_run
from opbench.results.regression.report import report_of
from tests.harness import strangers
from tests.harness.projects import OPS, SHORT, commit, gate, git, repository

LOAD = ("--load", "./bench/ops.py", "--threads", "1")
BUILD = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
PROJECT = f'{BUILD}[project]\nname = "gears"\nversion = "1"\n'
SUITES = '[project.entry-points."opbench.suites"]\n'
#: Installed for editing, it is found by an import hook.
FLAT = f'{PROJECT}{SUITES}gears = "gears.races"\n[tool.setuptools]\npackages = ["gears"]\n'
#: And this one by a place in the search path.
BETA = PROJECT.replace("gears", "beta") + f'{SUITES}beta = "beta_ops.races"\n'
RIGHT = "def rows(x):\n    return x.sum(1)\n"
WRONG = "def rows(x):\n    return x.sum(1) + 1\n"
#: Contenders that are wrong in the head by what they import, and by what they read; and one that
#: fails, whenever it is called, where it doesn't find what its own version has.
USING = (
    OPS.replace("import torch\n", "from pathlib import Path\n\nimport gears\nimport torch\n", 1)
    + """

TEXT = Path("bench/shift.txt").read_text()


@impl("row_sum")
def imported(x):
    return gears.rows(x)


@impl("row_sum")
def tabled(x):
    return x.sum(1) + int(TEXT)


@impl("row_sum")
def lazy(x):
    if Path("bench/shift.txt").read_text() != TEXT:
        raise RuntimeError("this is another version's")
    return x.sum(1)
"""
)
#: One registers an op with torch when it is called for the first time.
REGISTERING = """

OP = []


@impl("row_sum")
def registers(x):
    if not OP:
        @torch.library.custom_op("theirs::row_sum", mutates_args=())
        def op(x: torch.Tensor) -> torch.Tensor:
            return x.sum(1)
        OP.append(op)
    return OP[0](x)
"""


def install(folder, *words):
    """The Python of a new environment, which has all that this one has and what is installed."""
    python = strangers.environment(folder)
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    subprocess.run((*pip, "--no-deps", "--no-build-isolation", *map(str, words)), check=True)
    return str(python)


@pytest.fixture(scope="module")
def mono(tmp_path_factory):
    """A gate in a subfolder of a repository with two projects, both installed for editing.

    In the head the modules that one is declared in have other names.
    """
    folder = tmp_path_factory.mktemp("mono")
    root = repository(
        folder / "theirs",
        {
            ".gitignore": "*.egg-info/\n__pycache__/\nruns/\n_native.py\n",
            "python/pyproject.toml": FLAT,
            "python/gears/__init__.py": RIGHT,
            "python/gears/races.py": OPS.replace("row_sum", "gear_sum"),
            "python/bench/ops.py": USING + REGISTERING,
            "python/bench/shift.txt": "0",
            "beta/pyproject.toml": BETA,
            "beta/src/beta_ops/races.py": OPS.replace("row_sum", "beta_sum"),
        },
    )
    git(root, "checkout", "--quiet", "-b", "head")
    git(root, "mv", "python/gears/races.py", "python/gears/contests.py")
    changed = {"python/gears/__init__.py": WRONG, "python/bench/shift.txt": "1"}
    commit(root, {**changed, "python/pyproject.toml": FLAT.replace(".races", ".contests")})
    python = install(folder, "--editable", root / "python", "--editable", root / "beta")
    (root / "python/gears/_native.py").write_text("")
    impls = ("--impl", "imported,tabled,lazy,registers,summed")
    words = ("row_sum", "gear_sum", "beta_sum", *impls, *LOAD, *SHORT, "--id", "one")
    done = gate(root / "python", "--base", "main", *words, python=python)
    assert done.code == Exit.WRONG, done.out + done.error
    return SimpleNamespace(done=done, report=report_of(open_run(root / "python" / "runs" / "one")))


def test_a_version_imports_and_reads_its_own_files(mono):
    """By an import hook, and by relative places; also while it is timed."""
    broken = {item.contender: item for item in mono.report.uncompared}
    assert broken.keys() == {"imported", "tabled"}
    for item in broken.values():
        assert item.status == "head"
        assert item.outcome.base is None
        assert isinstance(item.outcome.head, Wrong)
    assert "lazy" in {found.contender for found in mono.report.findings}


def test_entry_points_are_those_of_the_project_one_is_in(mono):
    """Its module has another name in the head; the repository's other project is as it was."""
    compared = {(found.case.op, found.contender) for found in mono.report.findings}
    assert compared >= {("gear_sum", "summed"), ("beta_sum", "summed"), ("row_sum", "summed")}


def test_a_contender_that_cannot_be_twins_is_timed_in_pairs(mono):
    methods = {found.contender: found.method for found in mono.report.findings}
    assert methods == {"registers": "pairs", "summed": "twins", "lazy": "twins"}
    assert "as pairs, since they register ops with torch" in mono.done.out


def test_unchanged_contenders_are_not_slower(mono):
    assert not [found for found in mono.report.findings if found.verdict == "slower"]


def test_ignored_files_are_warned_of(mono):
    (warning,) = mono.report.gate.warnings
    assert "git ignores python/gears/_native.py" in warning
    assert f"opbench gate: warning: {warning}" in mono.done.error


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A repository whose project is installed, not for editing; and the Python that has it."""
    folder = tmp_path_factory.mktemp("copied")
    files = {"pyproject.toml": PROJECT, "src/gears/__init__.py": RIGHT, "bench/ops.py": USING}
    root = repository(folder / "theirs", {**files, "bench/shift.txt": "0"})
    commit(root, {"src/gears/__init__.py": WRONG}, branch="changed")
    return root, install(folder, root)


@pytest.mark.parametrize("head", [".", "changed"])
def test_an_installed_copy_is_named_and_nothing_compared(copied, head):
    root, python = copied
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
    reported = {item["contender"]: item for item in done.reported["uncompared"]}
    for name, (status, reason) in expected.items():
        assert reported[name]["status"] == status
        outcome = reported[name]["outcome"]["head"]
        assert outcome is None if reason is None else reason in outcome["reason"]
    assert done.verdicts == {}


def test_a_base_that_fails_for_another_reason_is_no_new_file(tmp_path):
    root = repository(tmp_path / "theirs", {"bench/ops.py": "import bench.helper\n"})
    commit(root, {"bench/ops.py": OPS, "bench/helper.py": ""}, branch="later")
    done = gate(root, "--base", "main", *LOAD, *SHORT)
    assert done.code == Exit.NOTHING
    assert "main does not load" in done.error


#: Calls what is the head's.
STRAYING = """

@impl("row_sum")
def strays(x):
    import sys
    sys.path.insert(0, "{home}")
    import helpers_of_head
    return x.sum(1)
"""


def test_an_uncompared_contender_has_its_reason(tmp_path):
    """Asked for as twins; and what is found to be mixed only when it is called."""
    root, summary = tmp_path / "theirs", tmp_path / "summary.md"
    ops = OPS + REGISTERING + STRAYING.format(home=root / "bench")
    repository(root, {"bench/helpers_of_head.py": "", "bench/ops.py": ops})
    commit(root, {"notes.txt": ""}, branch="later")
    words = ("row_sum", "--impl", "registers,strays", *LOAD, *SHORT, "--method", "twins")
    done = gate(root, "--base", "main", *words, "--summary", str(summary), COLUMNS="300")
    assert done.code == Exit.NOTHING, done.out + done.error
    reported = summary.read_text().replace("\\_", "_")
    assert "registers theirs::row_sum with torch, which can't have two of them in one" in reported
    assert "main imports helpers_of_head from " in reported
    for text in (done.out, reported):
        assert "theirs::row_sum" in text
        assert "helpers_of_head" in text
        assert "1 that can't be two in one process (--method pairs)" in text
        assert "1 with code of the other version" in text
