"""Whose a file is: links, environments inside of a repository, trees inside of trees."""

import sys
import types
from importlib.machinery import ModuleSpec

import pytest

from opbench.harness.system.lazy_import import import_lazily
from opbench.harness.versions.trees import Trees, is_installed, places_of


@pytest.fixture
def trees(tmp_path):
    """Two trees, one of which lies in the other, and a link to the outer one."""
    for name in ("outer/inner/pkg", "outer/pkg", "outer/env/lib", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "outer/env/pyvenv.cfg").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "outer")
    found = Trees()
    found.add([tmp_path / "link", tmp_path / "outer" / "inner"])
    return found


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("outer/pkg/a.py", "outer"),
        ("link/pkg/a.py", "outer"),
        ("outer/inner/pkg/a.py", "outer/inner"),
        ("link/inner/a.py", "outer/inner"),
        ("outer/packed.zip/a.py", "outer"),
        ("elsewhere/a.py", None),
        ("outer/env/lib/a.py", None),
        ("outer/.venv/lib/python3/site-packages/a.py", None),
        ("outer/vendor/dist-packages/a.py", None),
    ],
)
def test_a_file_is_of_the_innermost_tree_that_it_really_lies_in(tmp_path, trees, place, expected):
    found = trees.of(str(tmp_path / place))
    assert found == (None if expected is None else tmp_path / expected)


def test_a_name_that_is_no_path_is_of_no_tree(trees):
    assert trees.of("__editable__.gears-1.finder.__path_hook__") is None


def test_a_lazy_module_is_not_executed():
    sys.modules.pop("turtledemo", None)
    import_lazily("turtledemo")
    try:
        (place,) = places_of(sys.modules["turtledemo"])
        assert place.endswith("turtledemo/__init__.py")
        assert "__path__" not in vars(sys.modules["turtledemo"])
    finally:
        del sys.modules["turtledemo"]


def test_where_modules_of_every_kind_lie():
    module = types.ModuleType("made")
    assert places_of(module) == []
    module.__path__ = ["/a", "/b"]
    assert places_of(module) == ["/a", "/b"]
    module.__file__ = "/a/__init__.py"
    assert places_of(module) == ["/a/__init__.py"]
    built_in = types.ModuleType("built_in")
    built_in.__spec__ = ModuleSpec("built_in", None, origin="built-in")
    assert places_of(built_in) == []
    assert places_of(object()) == []


def test_pythons_own_and_all_packages_are_installed(tmp_path):
    import json
    import types as own

    import numpy

    assert all(is_installed(tmp_path / module.__file__) for module in (json, own, numpy))
    assert not is_installed(tmp_path / "pkg" / "a.py")
