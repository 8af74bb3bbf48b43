"""Installed for editing by build backends as the index has them: versions import their own files.

Needs an index to download them from, into an environment of the test's own.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.harness import strangers
from tests.harness.versions.test_finders import PROGRAM

MODULES = ("theirs_pkg", "theirs_pkg.inner", "theirs_pkg.deep.more")
PROJECT = '[project]\nname = "theirs-pkg"\nversion = "1"\n[build-system]\nrequires = []\n'
MESON = """project('theirs-pkg', version: '1')
py = import('python').find_installation()
py.install_sources('src/theirs_pkg/__init__.py', 'src/theirs_pkg/inner.py', subdir: 'theirs_pkg')
py.install_sources(
  'src/theirs_pkg/deep/__init__.py', 'src/theirs_pkg/deep/more.py', subdir: 'theirs_pkg/deep')
"""
#: By backend: what it needs, what it is called, the tables of its own, and files of its own.
BACKENDS = {
    "meson-python": (("meson-python", "meson", "ninja"), "mesonpy", "", {"meson.build": MESON}),
    "scikit-build-core": (
        ("scikit-build-core",),
        "scikit_build_core.build",
        '[tool.scikit-build]\nwheel.packages = ["src/theirs_pkg"]\n',
        {"CMakeLists.txt": "cmake_minimum_required(VERSION 3.15)\nproject(theirs LANGUAGES)\n"},
    ),
    "hatchling": (
        ("hatchling", "editables"),
        "hatchling.build",
        "[tool.hatch.build]\ndev-mode-exact = true\n"
        '[tool.hatch.build.targets.wheel]\npackages = ["src/theirs_pkg"]\n',
        {},
    ),
    "pdm-backend": (
        ("pdm-backend", "editables"),
        "pdm.backend",
        '[tool.pdm.build]\neditable-backend = "editables"\npackage-dir = "src"\n',
        {},
    ),
    "flit": (("flit-core",), "flit_core.buildapi", "[tool.flit.module]\nname = 'theirs_pkg'\n", {}),
}


def write(root, backend, value):
    """The project, whose modules all say `value`."""
    _, module, tables, files = BACKENDS[backend]
    text = PROJECT.replace('"1"\n', '"1"\ndescription = "theirs"\n')
    modules = ("__init__.py", "inner.py", "deep/__init__.py", "deep/more.py")
    reported = {f"src/theirs_pkg/{name}": f"VALUE = {value!r}\n" for name in modules}
    pyproject = f'{text}build-backend = "{module}"\n{tables}'
    for name, content in {**files, **reported, "pyproject.toml": pyproject}.items():
        path = root / "sourced" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def install(python, *words):
    """Whether it could be installed into the environment of an interpreter."""
    env = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    return subprocess.run((*pip, *words), env=env, capture_output=True, text=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_version_imports_its_own_files(tmp_path, backend):
    if backend == "scikit-build-core" and not (shutil.which("cmake") and shutil.which("ninja")):
        pytest.skip("needs cmake and ninja")
    home, base = (tmp_path / name / "repository" for name in ("home", "base"))
    write(home, backend, "home")
    write(base, backend, "base")
    python = strangers.environment(tmp_path)
    if install(python, *BACKENDS[backend][0]).returncode:
        pytest.skip(f"{backend} can't be downloaded here")
    project = ("--no-deps", "--no-build-isolation", "--editable", str(home / "sourced"))
    done = install(python, *project)
    assert done.returncode == 0, done.stderr
    command = (str(python), "-P", "-c", PROGRAM, str(home), str(base), str(home))
    env = {"MODULES": json.dumps(MODULES), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    reported = json.loads(done.stdout.splitlines()[-1])
    assert reported == dict.fromkeys(MODULES, ["base", "home"] * 2)
