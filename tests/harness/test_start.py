"""opbench installed as others install it, in projects with packages by the names of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from opbench.harness.cli.exit_codes import Exit
from tests.harness import strangers
from tests.harness.projects import OPS, commit, repository

OWN = Path(__file__).parent.parent.parent
#: Of packages that projects have, too.
NAMES = ("results", "suites", "impls", "dashboards")


@pytest.fixture(scope="module")
def opbench(tmp_path_factory):
    """The command in an environment into which opbench was installed, not for editing."""
    folder = tmp_path_factory.mktemp("installed")
    for name in ("harness", "results", "dashboards", "impls", "suites"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(OWN / name, folder / "opbench" / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(OWN / name, folder / "opbench")
    python = strangers.environment(folder)
    site = next((folder / "env").glob("lib/python*/site-packages"))
    places = (p for p in sys.path if p and Path(p).resolve() != OWN)
    (site / "outer.pth").write_text("\n".join(places) + "\n")
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    words = ("--no-deps", "--no-build-isolation", "--ignore-installed", str(folder / "opbench"))
    subprocess.run((*pip, *words), check=True)
    return python.parent / "opbench"


def run(command, root, *words, **environment):
    """What came of the command in a folder."""
    return subprocess.run(
        (command, *words),
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture
def project(tmp_path):
    """A repository with packages of its own by opbench's names; its first benchmarks are new."""
    own = {f"{name}/__init__.py": "raise ImportError('not opbench')\n" for name in NAMES}
    root = repository(tmp_path / "theirs", own)
    commit(root, {"bench/ops.py": OPS}, branch="later")
    return root


def test_a_project_with_packages_by_the_same_names_is_compared(opbench, project):
    words = ("gate", "--base", "main", "--load", "bench/ops.py", "--threads", "1")
    done = run(opbench, project, *words, PYTHONPATH=".")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert "3 new" in done.stdout


@pytest.mark.parametrize("words", [("--version",), ("list", "ops"), ("--help",)])
def test_the_command_works_though_imports_find_the_projects_first(opbench, project, words):
    done = run(opbench, project, *words, PYTHONPATH=".")
    assert done.returncode == Exit.OK, done.stderr
    assert "Traceback" not in done.stderr


def test_what_can_not_start_never_says_that_something_is_slower(opbench, project):
    (project / "numpy").mkdir()
    (project / "numpy" / "__init__.py").write_text("raise ImportError('not numpy')\n")
    (project / "psutil.py").write_text("raise ImportError('not psutil')\n")
    (project / "argparse.py").write_text("raise ImportError('not argparse')\n")
    done = run(opbench, project, "--version", PYTHONPATH=".")
    assert done.returncode == 70
    assert "opbench cannot start: not argparse" in done.stderr
