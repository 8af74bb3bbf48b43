"""What of a working tree git has not, and Python could load."""

import subprocess

import pytest

from opbench.harness.versions.ignored_files import ignored, warnings

IGNORES = (
    "*.so*\n*.pyd\n_version.py\ngenerated/\nbuild/\ndist/\n*.egg-info/\n.venv/\nenv/\nnode_modules/\n"
    "__pycache__/\n*.log\n"
)


@pytest.fixture
def tree(tmp_path):
    """Makes a repository with these files, most of which its git ignores."""

    def made(*names):
        subprocess.run(("git", "init", "--quiet", str(tmp_path)), check=True)
        (tmp_path / ".gitignore").write_text(IGNORES)
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        return tmp_path

    return made


@pytest.mark.parametrize(
    "name",
    [
        "pkg/_native.cpython-311-x86_64-linux-gnu.so",
        "pkg/libkernels.so",
        "pkg/libkernels.so.2",
        "pkg/_native.pyd",
        "pkg/_version.py",
        "generated/tables.py",
        "generated/deeper/tables.py",
        "new_and_not_added/_version.py",
        "build/libops.so",
        "build/lib/libops.so",
    ],
)
def test_loadable_ignored_files_are_warned_of(tree, name):
    root = tree(name, "pkg/__init__.py")
    assert set(ignored(root)) == {name}
    (warning,) = warnings(root, "main")
    assert f"git ignores {name} in the working tree" in warning
    assert "main doesn't have that" in warning
    assert "--build" in warning


@pytest.mark.parametrize("name", ["pkg/_fast.so", "native/out/libops.so.1", "a.pyd"])
def test_untracked_libraries_are_warned_of(tmp_path, name):
    """As where nobody thought of ignoring what is compiled in place."""
    subprocess.run(("git", "init", "--quiet", str(tmp_path)), check=True)
    for path in (tmp_path / name, tmp_path / "new_module.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (warning,) = warnings(tmp_path, "main")
    assert f"git doesn't track {name} in the working tree: main doesn't have that" in warning


def test_ignored_files_out_of_reach_are_not_warned_of(tree):
    root = tree(
        "pkg/__init__.py",
        "pkg/__pycache__/a.cpython-311.pyc",
        "build/lib.linux-x86_64-cpython-311/pkg/_native.so",
        "build/lib/pkg/__init__.py",
        "build/temp.linux-x86_64-cpython-311/pkg/_native.so",
        "dist/a.so",
        "a.egg-info/a.py",
        ".venv/lib/a.py",
        "node_modules/a/gyp.py",
        "env/pyvenv.cfg",
        "env/lib/python3.11/site-packages/numpy/core.so",
        "run.log",
    )
    assert list(ignored(root)) == []
    assert list(warnings(root, "main")) == []


def test_a_few_are_named_and_the_others_counted(tree):
    (warning,) = warnings(tree(*(f"generated/t{n}.py" for n in range(7))), "main")
    assert "generated/t0.py, generated/t1.py, generated/t2.py and 4 more" in warning
