"""Installed for editing in every way there is: each version imports its own files."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.harness import strangers

BUILD = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
#: By folder of the repository, a project's files, whose modules all say which version they are of.
PROJECTS = {
    "flat": {
        "pyproject.toml": f'{BUILD}[project]\nname = "flat"\nversion = "1"\n'
        '[tool.setuptools]\npackages = ["flat_pkg", "flat_more"]\n',
        "flat_pkg/__init__.py": "",
        "flat_pkg/inner.py": "",
        "flat_more/__init__.py": "",
    },
    "moved": {
        "pyproject.toml": f'{BUILD}[project]\nname = "moved"\nversion = "1"\n'
        '[tool.setuptools]\npackages = ["moved_pkg"]\npackage-dir = {moved_pkg = "code"}\n'
        'py-modules = ["moved_single"]\n',
        "code/__init__.py": "",
        "code/inner.py": "",
        "moved_single.py": "",
    },
    "spaced": {
        "pyproject.toml": f'{BUILD}[project]\nname = "spaced"\nversion = "1"\n'
        '[tool.setuptools]\npackages = ["spaced_ns.part"]\npackage-dir = {"spaced_ns" = "ns"}\n',
        "ns/part/__init__.py": "",
    },
    "strict": {
        "pyproject.toml": f'{BUILD}[project]\nname = "strict"\nversion = "1"\n'
        '[tool.setuptools]\npackages = ["strict_pkg"]\npackage-dir = {"" = "src"}\n',
        "src/strict_pkg/__init__.py": "",
        "src/strict_pkg/inner.py": "",
    },
    "sourced": {
        "pyproject.toml": f'{BUILD}[project]\nname = "sourced"\nversion = "1"\n',
        "src/sourced_pkg/__init__.py": "",
    },
    "hooked": {"lib/hooked_pkg/__init__.py": "", "lib/hooked_pkg/inner.py": ""},
    "linked": {"linked_pkg/__init__.py": "", "by_link.py": ""},
}
MODULES = (
    "flat_pkg",
    "flat_pkg.inner",
    "flat_more",
    "moved_pkg.inner",
    "moved_single",
    "spaced_ns.part",
    "strict_pkg.inner",
    "sourced_pkg",
    "hooked_pkg",
    "hooked_pkg.inner",
    "linked_pkg",
    "by_link",
    "late_pkg",
)
#: As meson-python and scikit-build-core do it: a finder that knows the file of each module.
HOOK = """
import importlib.machinery, importlib.util, sys

class Redirecting(importlib.machinery.PathFinder):
    known = {known!r}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        file = cls.known.get(name)
        if file is None:
            return None
        folders = [file.rpartition("/")[0]] if file.endswith("__init__.py") else None
        return importlib.util.spec_from_file_location(
            name, file, submodule_search_locations=folders
        )

sys.meta_path.insert(0, Redirecting)
"""
#: Prints what the modules say in each version, before and after the other was entered.
PROGRAM = """
import importlib, json, os, pathlib, sys
from opbench.harness.versions.sources import Version
from opbench.harness.versions.loaded import LoadedVersions

home, roots = pathlib.Path(sys.argv[1]), [pathlib.Path(root) for root in sys.argv[2:]]
loaded_versions = LoadedVersions()
here = pathlib.Path("sourced")
loaded = [
    loaded_versions.load(Version(label=root.parent.name, root=root, home=home, folder=here))
    for root in roots
]
said = {}
for side in (*loaded, *loaded):
    loaded_versions.activate(side)
    for name in json.loads(os.environ["MODULES"]):
        value = getattr(importlib.import_module(name), "VALUE", None)
        said.setdefault(name, []).append(value)
    loaded_versions.ensure_own(side)
print(json.dumps(said))
"""


def write(root, value):
    """The repository whose modules all say `value`."""
    for folder, files in PROJECTS.items():
        for name, text in files.items():
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text or f"VALUE = {value!r}\n")
    (root / "late_pkg.py").write_text(f"VALUE = {value!r}\n")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The roots of an installed version and of two others, and what their modules say."""
    folder = tmp_path_factory.mktemp("editable")
    home, base, other = (folder / name / "repository" for name in ("home", "base", "other"))
    write(home, "home")
    python = strangers.environment(folder)
    site = next((folder / "env").glob("lib/python*/site-packages"))
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps")
    for name in ("flat", "moved", "spaced", "strict", "sourced"):
        mode = ("--config-settings", "editable_mode=strict") if name == "strict" else ()
        words = (*pip, "--no-build-isolation", *mode, "--editable", str(home / name))
        subprocess.run(words, check=True)
    lib = home / "hooked" / "lib" / "hooked_pkg"
    known = {"hooked_pkg": str(lib / "__init__.py"), "hooked_pkg.inner": str(lib / "inner.py")}
    (site / "hooked_finder.py").write_text(HOOK.format(known=known))
    (site / "hooked.pth").write_text("import hooked_finder\n")
    # As flit does it, and by a link on the way, as macOS has one in /tmp.
    (site / "linked_pkg").symlink_to(home / "linked" / "linked_pkg")
    (folder / "alias").symlink_to(home.parent)
    (site / "alias.pth").write_text(f"{folder / 'alias' / 'repository' / 'linked'}\n")
    write(base, "base")
    write(other, "other")
    return python, home, base, other


def said(installed, *roots):
    """What each module says, version after version."""
    python, home, *_ = installed
    done = subprocess.run(
        (str(python), "-P", "-c", PROGRAM, str(home), *map(str, roots)),
        capture_output=True,
        text=True,
        env={"MODULES": json.dumps(MODULES), "PATH": "/usr/bin:/bin", "HOME": str(home.parent)},
        cwd=home.parent,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_base_and_the_working_tree_have_their_own_files(installed):
    _, home, base, _ = installed
    found = said(installed, base, home)
    assert found == dict.fromkeys(MODULES, ["base", "home"] * 2)


def test_two_versions_not_installed_have_their_own_files(installed):
    *_, base, other = installed
    found = said(installed, base, other)
    assert found == dict.fromkeys(MODULES, ["base", "other"] * 2)


def test_a_hooks_module_that_a_version_lacks_is_not_found(installed, tmp_path):
    """The installed version's file is no answer: it would be measured in the other's name."""
    _, home, base, _ = installed
    lacking = tmp_path / "lacking" / "repository"
    shutil.copytree(base, lacking)
    shutil.rmtree(lacking / "hooked")
    with pytest.raises(AssertionError, match="No module named 'hooked_pkg'"):
        said(installed, lacking, home)


def test_a_version_below_the_installed_tree_is_not_taken_for_it(installed):
    """As where the folder for temporary files lies inside of the repository."""
    _, home, base, _ = installed
    inside = home / "tmp" / "repository"
    shutil.copytree(base, inside)
    assert said(installed, inside, home) == dict.fromkeys(MODULES, ["base", "home"] * 2)
    shutil.rmtree(home / "tmp")
