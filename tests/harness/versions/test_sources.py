"""Whose files a version loads and reads, whatever is installed and wherever one is called."""

import importlib
import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from opbench.harness.regression.comparison import versions_of
from opbench.harness.versions.loaded import LoadedVersions
from opbench.results.errors import VersionError
from tests.harness.projects import OPS, own_imports
from tests.harness.two_versions import version


@pytest.fixture
def loaded_versions(tmp_path):
    """Loaded versions, of which nothing is left in this process at the end."""
    with own_imports(tmp_path):
        yield LoadedVersions()


@pytest.mark.parametrize("module", ["vendored/ops.py", "vendored.deeper.ops", "vendored/x/ops.py"])
def test_a_place_that_is_empty_is_no_version_without_the_file(tmp_path, loaded_versions, module):
    """As a submodule that isn't checked out: what it declares is not new in the other version."""
    base = version(tmp_path / "base", "old", modules=(module,))
    (base.root / "vendored").mkdir()
    with pytest.raises(VersionError, match=r"base has no vendored.*: .*/vendored is empty"):
        loaded_versions.load(base)


@pytest.fixture
def pair(tmp_path, loaded_versions, monkeypatch):
    """Loads two versions whose `ops.py` ends in these lines; the second is the installed one."""

    def loaded(lines, folder="", **changes):
        found = []
        for name in ("base", "head"):
            root, home = tmp_path / name, tmp_path / "head"
            one = version(root, name, home=home)
            with (root / "ops.py").open("a") as file:
                file.write(lines.format(home=home))
            (root / "sub").mkdir(exist_ok=True)
            (root / "sub" / "table.txt").write_text(name)
            found.append(replace(one, folder=Path(folder)))
        for key, value in changes.items():
            monkeypatch.setattr(loaded_versions, key, value)
        return [loaded_versions.load(one) for one in found]

    return loaded


#: How a version comes by what isn't its own, by what it does while it is loaded.
STRAYS = {
    "an absolute place": "\nimport sys\nsys.path.insert(0, '{home}')\nimport outer_module\n",
    "a file by its full name": """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("outer_module", "{home}/outer_module.py")
sys.modules["outer_module"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["outer_module"])
""",
    "a folder put into a package": """
import sub
sub.__path__.append('{home}')
import sub.outer_module
""",
}


@pytest.mark.parametrize("lines", STRAYS.values(), ids=STRAYS)
def test_a_module_of_the_other_tree_is_refused(tmp_path, pair, lines):
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "outer_module.py").write_text("VALUE = 1\n")
    with pytest.raises(VersionError, match=r"base imports (sub|outer_module) from .*/head"):
        pair(lines)


def test_a_call_importing_from_the_other_tree_is_found(tmp_path, loaded_versions, pair):
    lines = STRAYS["an absolute place"].replace("\n", "\n    ")
    base, head = pair(f'\n\n@impl("row_sum")\ndef hidden(x):{lines}')
    (tmp_path / "head" / "outer_module.py").write_text("VALUE = 1\n")
    for side in (base, head):
        loaded_versions.activate(side)
        side.catalog.impl("row_sum", "hidden").function(None)
    loaded_versions.ensure_own(head)
    loaded_versions.activate(base)
    with pytest.raises(VersionError, match="outer_module"):
        loaded_versions.ensure_own(base)


def distribution(site, name, source=""):
    """An installed package `name` of one module, and where it says that it came from."""
    info = site / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}_copied.py").write_text("")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "RECORD").write_text(f"{name}_copied.py,,\n{name}-1.dist-info/METADATA,,\n")
    if source:
        (info / "direct_url.json").write_text(json.dumps({"url": source, "dir_info": {}}))


@pytest.mark.parametrize("how", ["by its name", "by where it came from", "by where it is kept"])
def test_an_installed_copy_of_the_project_is_refused(tmp_path, pair, how):
    site = tmp_path / "env" / "site-packages"
    home = tmp_path / "head"
    (home / "src").mkdir(parents=True)
    if how == "by its name":
        distribution(site, "gears")
        for root in (tmp_path / "base", home):
            root.mkdir(exist_ok=True)
            (root / "setup.cfg").write_text("[metadata]\nname = Gears\n")
    elif how == "by where it came from":
        distribution(site, "gears", f"file://{home}/packages/gears")
    else:
        distribution(site, "cogs")
        (site / "gears_copied.py").write_text("")
        (tmp_path / "base" / "src").mkdir(parents=True)
        (tmp_path / "base" / "src" / "gears_copied.py").write_text("")
    with pytest.raises(VersionError, match=r"base imports gears_copied from .*an installed copy"):
        pair("\nimport gears_copied\n", _shared_path=[*sys.path, str(site)])


@pytest.mark.parametrize("kind", ["a clone", "a linked worktree"])
def test_another_working_tree_of_the_project_is_refused(tmp_path, pair, kind):
    """As where that one is installed for editing, whatever its layout is."""
    other = tmp_path / "other"
    for root in (other, tmp_path / "base", tmp_path / "head"):
        (root / "parts" / "code").mkdir(parents=True)
        (root / "parts" / "code" / "gears_elsewhere.py").write_text("")
    (other / ".git").write_text("gitdir: /x") if kind != "a clone" else (other / ".git").mkdir()
    place = str(other / "parts" / "code")
    with pytest.raises(VersionError, match=r"base imports gears_elsewhere from .*copy of parts/c"):
        pair("\nimport gears_elsewhere\n", _shared_path=[*sys.path, place])


def test_another_repository_that_is_installed_for_editing_is_no_copy(tmp_path, pair):
    place = tmp_path / "other" / "code"
    place.mkdir(parents=True)
    (tmp_path / "other" / ".git").mkdir()
    (place / "theirs_elsewhere.py").write_text("")
    pair("\nimport theirs_elsewhere\n", _shared_path=[*sys.path, str(place)])


def test_a_module_of_others_in_a_shared_package_is_no_copy(tmp_path, pair):
    """As of a company, several of whose projects are installed into one package."""
    part = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    site = tmp_path / "env" / "site-packages"
    for folder in (site, tmp_path / "base" / "src", tmp_path / "head" / "src"):
        (folder / "of_a_company").mkdir(parents=True)
        (folder / "of_a_company" / "__init__.py").write_text(part)
    (site / "of_a_company" / "others.py").write_text("")
    places = [str(tmp_path / "head" / "src"), *sys.path, str(site)]
    pair("\nimport of_a_company.others\n", _shared_path=places)


@pytest.mark.parametrize("name", ["cProfile", "sched"])
def test_a_module_of_the_project_does_not_replace_pythons_own(tmp_path, pair, monkeypatch, name):
    monkeypatch.delitem(sys.modules, name, raising=False)
    for root in (tmp_path / "base", tmp_path / "head"):
        root.mkdir()
        (root / f"{name}.py").write_text("raise ImportError('not Python')")
    pair(f"\nimport {name}\n")


def test_an_installed_copy_will_do_for_a_single_version(tmp_path, loaded_versions, monkeypatch):
    """As in two environments, each of which has its own."""
    site, root = tmp_path / "env" / "site-packages", tmp_path / "head"
    distribution(site, "gears", f"file://{root}")
    monkeypatch.setattr(loaded_versions, "_shared_path", [*sys.path, str(site)])
    (root).mkdir()
    (root / "ops.py").write_text(OPS + "\nimport gears_copied\n")
    labels = ("the project", "")
    one, _ = versions_of(root, root, home=root, modules=(str(root / "ops.py"),), labels=labels)
    assert "summed" in loaded_versions.load(one).catalog.impls["row_sum"]


def test_an_installed_package_of_others_is_no_copy(tmp_path, pair):
    site = tmp_path / "env" / "site-packages"
    distribution(site, "gears", "file:///somewhere/else/gears")
    base, head = pair("\nimport gears_copied\n", _shared_path=[*sys.path, str(site)])
    assert "gears_copied" not in {**base.modules, **head.modules}


def test_the_working_directory_is_the_same_place_of_each_version(tmp_path, loaded_versions, pair):
    reading = "    return Path('table.txt').read_text(), subprocess.getoutput('cat table.txt')\n"
    imports = "\nimport subprocess\nfrom pathlib import Path\n"
    lines = f'{imports}\n@impl("row_sum")\ndef reads(x):\n{reading}\nAT = reads(0)\n'
    here = Path.cwd()
    base, head = pair(lines, folder="sub")
    for side in (base, head, base):
        loaded_versions.activate(side)
        read = side.catalog.impl("row_sum", "reads").function
        expected = (side.version.label,) * 2
        assert read(None) == expected
        assert read.__globals__["AT"] == expected
    loaded_versions.deactivate()
    assert Path.cwd() == here


def test_a_folder_that_a_version_lacks_is_the_nearest_above_it(tmp_path, loaded_versions, pair):
    base, _ = pair("", folder="sub/deeper")
    assert base.folder == str(tmp_path / "base" / "sub")
    loaded_versions.activate(base)
    assert Path.cwd() == tmp_path / "base" / "sub"


def test_where_a_version_goes_stays_its_own(loaded_versions, pair):
    base, head = pair("\nimport os\nos.chdir('sub')\n")
    for side in (base, head):
        loaded_versions.activate(side)
        assert Path.cwd() == side.version.root / "sub"


def test_a_versions_search_path_stays_its_own(tmp_path, loaded_versions, pair):
    lines = "\nimport sys\nsys.path.append(__file__.rpartition('/')[0] + '/sub')"
    base, head = pair(lines)
    for side in (base, head, base):
        (side.version.root / "sub" / "far_module.py").write_text("")
        loaded_versions.activate(side)
        file = importlib.import_module("far_module").__file__
        assert Path(file) == side.version.root / "sub" / "far_module.py"


def test_an_archive_in_the_search_path_is_that_of_each_version(tmp_path, loaded_versions, pair):
    for name in ("base", "head"):
        (tmp_path / name).mkdir()
        with zipfile.ZipFile(tmp_path / name / "packed.zip", "w") as archive:
            archive.writestr("packed_module.py", f"VALUE = {name!r}\n")
    archive = str(tmp_path / "head" / "packed.zip")
    base, head = pair("\nimport packed_module\n", _shared_path=[*sys.path, archive])
    assert base.modules["packed_module"].VALUE == "base"
    assert head.modules["packed_module"].VALUE == "head"


@pytest.mark.parametrize("place", ["", ".", "sub"])
def test_a_relative_search_path_is_that_of_each_version(tmp_path, pair, place):
    for name in ("base", "head"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "near_module.py").write_text(f"VALUE = {name!r}\n")
    folder = "" if place == "sub" else "sub"
    base, head = pair("\nimport near_module\n", folder, _shared_path=[place, *sys.path])
    assert base.modules["near_module"].VALUE == "base"
    assert head.modules["near_module"].VALUE == "head"


def test_a_project_cannot_replace_opbenchs_own_packages(tmp_path, loaded_versions, pair):
    for name in ("base", "head"):
        for package in ("opbench", "opbench/suites", "opbench/impls"):
            (tmp_path / name / package).mkdir(parents=True)
            (tmp_path / name / package / "__init__.py").write_text("")
    base, _ = pair("")
    assert "patch_pooling" in base.catalog.ops
    assert base.owns(base.catalog.impl("row_sum", "late"))
