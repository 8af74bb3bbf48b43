"""opbench as others install it: built, installed from a wheel, and used in projects of theirs."""

import email
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from opbench.harness.cli.exit_codes import Exit
from tests.harness import strangers
from tests.harness.projects import OPS, commit, git, repository
from tests.places import ROOT

#: Of the folders that are installed below `opbench`; projects have packages by these names, too.
NAMES = ("harness", "results", "suites", "impls", "dashboards")
#: What a distribution is built from.
SOURCES = (*NAMES, "opbench", "pyproject.toml", "setup.py", "LICENSE", "docs/package.md")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
PIP = (sys.executable, "-m", "pip", "--quiet")
#: Two contenders, one of which is compiled from a source that the wheel has to hold.
TWO = ("patch_pooling", "--impl", "index_add,cpp")
ITEM = "patch_pooling-tiny and index_add and not compile"
OFFLINE = ("--no-deps", "--no-build-isolation")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The archive of sources that is built from this checkout."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "remote", "add", "origin", "git@github.com:someone/fork.git")
    subprocess.run([sys.executable, "-c", BUILD, "dist"], cwd=folder, check=True)
    (archive,) = (folder / "dist").glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(sdist):
    """The wheel that is built from the archive of sources."""
    words = ("wheel", *OFFLINE, "--wheel-dir", str(sdist.parent), str(sdist))
    subprocess.run((*PIP, *words), check=True)
    (made,) = sdist.parent.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The Python of an environment into which the wheel was installed."""
    folder = tmp_path_factory.mktemp("installed")
    python = strangers.environment(folder)
    site = next((folder / "env").glob("lib/python*/site-packages"))
    places = (
        p for p in sys.path if p and ("site-packages" in p or ROOT not in (Path(p), Path(p).parent))
    )
    (site / "outer.pth").write_text("\n".join(places) + "\n")
    words = ("install", "--no-deps", "--ignore-installed", str(wheel))
    subprocess.run((*PIP, "--python", str(python), *words), check=True)
    return python


def run(python, root, *words, **environment):
    """What came of a program of the environment in a folder."""
    return subprocess.run(
        (python.with_name(words[0]), *words[1:]),
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_a_wheel_holds_one_package_with_all_of_its_parts(wheel, sdist):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"opbench", f"{wheel.name[:13]}.dist-info"}
    assert {"opbench/__init__.py", "opbench/__main__.py", "opbench/py.typed"} <= set(names)
    for folder in NAMES:
        sources = {
            f"opbench/{path.relative_to(ROOT)}"
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".py", ".cpp", ".h", ".js", ".css")
        }
        assert len(sources) > 5
        assert sources <= set(names)
    with tarfile.open(sdist) as archive:
        assert not any(member.issym() or member.islnk() for member in archive.getmembers())


def test_project_urls_are_those_of_the_repository_it_was_built_from(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    urls = email.message_from_bytes(archive.read(name)).get_all("Project-URL")
    assert urls == [
        "Repository, https://github.com/someone/fork",
        "Changelog, https://github.com/someone/fork/blob/HEAD/CHANGELOG.md",
        "Issues, https://github.com/someone/fork/issues",
    ]


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://example.org/them/it.git", "https://example.org/them/it"),
        ("ssh://git@github.com/them/it", "https://github.com/them/it"),
        ("https://me:secret@example.org/them/it", ""),
        ("git@example.org:them/it.git", ""),
        ("/srv/git/it.git", ""),
        ("file:///srv/it", ""),
        ("", ""),
    ],
)
def test_only_a_public_address_becomes_a_url(remote, address, monkeypatch):
    monkeypatch.setattr("setuptools.setup", lambda **_: None)
    assert runpy.run_path(str(ROOT / "setup.py"))["addressed"](remote) == address


def test_what_is_installed_lies_in_the_environment_and_nowhere_else(python, tmp_path):
    done = run(python, tmp_path, "python", "-c", "import opbench; print(opbench.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(python.parent.parent)
    for name in NAMES:
        done = run(python, tmp_path, "python", "-c", f"import {name}")
        assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("opbench", "list", "ops"), "patch_pooling"),
        (("python", "-m", "opbench", "--version"), "opbench"),
        (("opbench", "check", *TWO, "-k", "odd and text and contiguous"), "2 contenders"),
        (
            *(("python", "-m", "pytest", "--opbench", "--benchmark-disable", "-q", "-k", ITEM),),
            "1 passed",
        ),
    ],
    ids=["list", "module", "check", "pytest"],
)
def test_the_wheel_works_in_an_empty_folder(python, tmp_path, words, expected):
    done = run(python, tmp_path, *words)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert expected in done.stdout


def test_a_run_of_the_wheel_is_published(python, tmp_path):
    words = ("run", *TWO, "-k", "tiny", "--budget", "0.2s", "--threads", "1", "--id", "one")
    done = run(python, tmp_path, "opbench", *words)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    done = run(python, tmp_path, "opbench", "publish", "runs/one")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert any((tmp_path / "runs" / "one" / "tensorboard").rglob("events.out.*"))


def test_the_surface_is_typed(python, tmp_path):
    (tmp_path / "ops.py").write_text(
        "from opbench import Case, Cost, Op, impl\n\n"
        "def cost(N: int) -> Cost:\n    return Cost(N, N)\n\n"
        "reveal_type(cost(3).bytes)\nOp(name=3)\n"
    )
    words = ("-m", "mypy", "--strict", "--python-executable", str(python), "ops.py")
    done = subprocess.run((sys.executable, *words), cwd=tmp_path, capture_output=True, text=True)
    assert 'has no attribute "Case"' in done.stdout
    assert "Revealed type is" in done.stdout
    assert 'Argument "name" to "Op" has incompatible type "int"' in done.stdout
    assert "import-untyped" not in done.stdout


@pytest.fixture
def project(tmp_path):
    """A repository with packages by the names of opbench's folders, and its first benchmarks."""
    own = {f"{name}/__init__.py": f"NAME = 'their {name}'\n" for name in NAMES}
    test = "".join(
        f"def test_{name}():\n    import {name}\n    assert {name}.NAME == 'their {name}'\n\n\n"
        for name in NAMES
    )
    root = repository(tmp_path / "theirs", {**own, "test_theirs.py": test})
    imports = "import harness, results, suites, impls, dashboards\n"
    commit(root, {"bench/ops.py": OPS + imports + "assert impls.NAME\n"}, branch="later")
    return root


def test_a_project_with_packages_by_the_same_names_is_compared(python, project):
    words = ("gate", "--base", "main", "--load", "bench/ops.py", "--threads", "1")
    done = run(python, project, "opbench", *words, PYTHONPATH=".")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert "3 new" in done.stdout


def test_a_project_with_packages_by_the_same_names_is_tested_and_listed(python, project):
    done = run(python, project, "python", "-m", "pytest", "-q")
    assert "5 passed" in done.stdout, done.stdout
    words = ("list", "impls", "row_sum", "--load", "bench/ops.py")
    done = run(python, project, "opbench", *words, PYTHONPATH=".")
    assert done.returncode == Exit.OK, done.stderr
    assert "with_scratch" in done.stdout


def test_what_can_not_start_never_says_that_something_is_slower(python, project):
    (project / "argparse.py").write_text("raise ImportError('not argparse')\n")
    done = run(python, project, "opbench", "--version", PYTHONPATH=".")
    assert done.returncode == 70
    assert "opbench cannot start: not argparse" in done.stderr
