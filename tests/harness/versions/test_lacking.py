"""What an import hook has of the tree that is installed, and a version was not built with."""

import importlib.util
import sys

import pytest

from opbench.harness.planning.selection import Selection
from opbench.harness.regression import comparison
from opbench.harness.regression.comparison import versions_of
from opbench.harness.versions.ignored_files import unmade
from opbench.results.errors import VersionError
from tests.harness.projects import OPS, commit, git, own_imports, repository

#: It falls back to other code where it was not built.
FALLING_BACK = (
    """
try:
    import native_rows
except ImportError:
    native_rows = None
"""
    + OPS
)

#: In this process, which has the import hook of the test.
common = comparison._common_in_one_process


class Redirecting:
    """As meson-python's: it knows where a build put a module."""

    def __init__(self, file):
        self.file = file

    def find_spec(self, name, path=None, target=None):
        """The module's place, for that name."""
        return importlib.util.spec_from_file_location(name, self.file) if self.knows(name) else None

    def knows(self, name):
        return name.rpartition(".")[2] == self.file.stem


@pytest.fixture
def project(tmp_path):
    """A repository with a module that was built, below a folder that git ignores."""
    files = {"ops.py": FALLING_BACK, ".gitignore": "build/\n"}
    root = repository(tmp_path / "theirs", files)
    (root / "build" / "cp3").mkdir(parents=True)
    (root / "build" / "cp3" / "native_rows.py").write_text("")
    git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "base"))
    return root


def test_a_file_a_version_was_not_built_with_is_warned_of(project, tmp_path, monkeypatch):
    built = project / "build" / "cp3" / "native_rows.py"
    labels = ("main", "the working tree")
    monkeypatch.chdir(project)
    with own_imports(tmp_path):
        sys.meta_path.insert(0, Redirecting(built))
        versions = versions_of(
            tmp_path / "base", project, home=project, modules=("ops.py",), labels=labels
        )
        found = common(*versions, Selection(threads=1))
    assert found.lacking == (("main", str(built)),)
    (reported,) = unmade(project, found.lacking)
    assert reported.startswith("main has no build/cp3/native_rows.py, which it looks for and git ")
    assert reported.endswith("have it made in each version with --build")


@pytest.mark.parametrize(
    "opening",
    ["open(place).close()", "open('table.txt').close()", "torch.load(place)", "place.read_bytes()"],
)
def test_a_file_a_version_opens_and_lacks_is_warned_of(tmp_path, monkeypatch, opening):
    """A tuning table, say, that was made on this machine."""
    lines = f"""
from pathlib import Path
place = Path(__file__).parent / "table.txt"
try:
    {opening}
except Exception:
    table = None
"""
    files = {"ops.py": OPS + lines, ".gitignore": "*.txt\n"}
    root = repository(tmp_path / "theirs", files)
    git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "base"))
    (root / "table.txt").write_text("8")
    monkeypatch.chdir(root)
    with own_imports(tmp_path):
        versions = versions_of(
            tmp_path / "base", root, home=root, modules=("ops.py",), labels=("main", "head")
        )
        found = common(*versions, Selection(threads=1))
    assert found.lacking == (("main", str(root / "table.txt")),)
    (reported,) = unmade(root, found.lacking)
    assert reported.startswith("main has no table.txt, which it looks for")


def test_files_built_in_both_versions_are_their_own(project, tmp_path, monkeypatch):
    built = project / "build" / "cp3" / "native_rows.py"
    (tmp_path / "base" / "build" / "cp3").mkdir(parents=True)
    (tmp_path / "base" / "build" / "cp3" / "native_rows.py").write_text("")
    monkeypatch.chdir(project)
    with own_imports(tmp_path):
        sys.meta_path.insert(0, Redirecting(built))
        versions = versions_of(
            tmp_path / "base", project, home=project, modules=("ops.py",), labels=("main", "head")
        )
        assert common(*versions, Selection(threads=1)).lacking == ()


def test_tracked_files_come_and_go_with_the_versions(project):
    commit(project, {"new_module.py": "", "[odd] *.py": ""})
    for name in ("new_module.py", "[odd] *.py"):
        assert list(unmade(project, [("main", str(project / name))])) == []
    assert list(unmade(project, [])) == []
    (project / "[odd] ?.py").write_text("")
    (reported,) = unmade(project, [("main", str(project / "[odd] ?.py"))])
    assert "main has no [odd] ?.py, " in reported


def test_links_on_the_way_lead_to_the_same_file(project, tmp_path):
    (tmp_path / "alias").symlink_to(project)
    place = tmp_path / "alias" / "build" / "cp3" / "native_rows.py"
    (reported,) = unmade(project, [("main", str(place))])
    assert "main has no build/cp3/native_rows.py, " in reported


def test_what_was_built_outside_of_the_repository_is_no_versions_own(tmp_path, monkeypatch):
    """Both would share it: meson-python takes a folder for its builds from anywhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "native_rows.py").write_text("")
    for side in ("base", "head"):
        (tmp_path / side / "gears").mkdir(parents=True)
        (tmp_path / side / "gears" / "__init__.py").write_text("")
        (tmp_path / side / "ops.py").write_text("import gears.native_rows\n" + OPS)
    home = tmp_path / "head"
    monkeypatch.chdir(home)
    with own_imports(tmp_path):
        sys.meta_path.insert(0, Redirecting(tmp_path / "elsewhere" / "native_rows.py"))
        versions = versions_of(
            tmp_path / "base", home, home=home, modules=("ops.py",), labels=("main", "head")
        )
        with pytest.raises(VersionError, match=r"main imports gears\.native_rows from .*elsewhere"):
            common(*versions, Selection(threads=1))
