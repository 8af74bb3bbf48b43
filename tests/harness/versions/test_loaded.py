"""Two versions of a project in one process: each finds its own modules, and shares the others."""

import importlib
import sys
from pathlib import Path

import pytest

import opbench.harness.declare
from opbench.harness.execution.process import WorkerError
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.versions.loaded import LoadedVersions
from opbench.harness.versions.trees import is_pythons
from opbench.results.errors import VersionError
from tests.harness.projects import own_imports
from tests.harness.two_versions import OPS_OF, version


@pytest.fixture
def loaded_versions(tmp_path):
    """Loaded versions, of which nothing is left in this process at the end."""
    with own_imports(tmp_path):
        yield LoadedVersions()


@pytest.fixture
def two(tmp_path, loaded_versions):
    """Two loaded versions."""
    base = version(tmp_path / "base", "old", home=tmp_path / "head")
    head = version(tmp_path / "head", "new")
    return loaded_versions.load(base), loaded_versions.load(head)


def late(side):
    """What a contender that imports a module while it runs says."""
    return side.catalog.impl("row_sum", "late").function(None)


def test_each_has_modules_of_its_own_under_one_name(loaded_versions, two):
    base, head = two
    for side, value in ((base, "old"), (head, "new"), (base, "old"), (head, "new")):
        loaded_versions.activate(side)
        assert importlib.import_module("inner_module").VALUE == value
        assert Path(sys.modules["inner_module"].__file__).parent == side.version.root


def test_a_late_import_is_of_the_active_version(loaded_versions, two):
    base, head = two
    loaded_versions.activate(base)
    assert late(base) == ("old", "old")
    first = sys.modules["late_module"]
    loaded_versions.activate(head)
    assert "late_module" not in sys.modules
    assert late(head) == ("new", "new")
    loaded_versions.activate(base)
    assert sys.modules["late_module"] is first
    assert late(base) == ("old", "old")


def test_one_version_twice_has_modules_of_its_own_each_time(tmp_path, loaded_versions):
    only = version(tmp_path / "base", "old")
    first, again = loaded_versions.load(only), loaded_versions.load(only)
    contenders = [w.catalog.impl("row_sum", "late").function for w in (first, again)]
    assert contenders[0] is not contenders[1]
    assert first.modules["inner_module"] is not again.modules["inner_module"]


def test_the_harness_is_shared_by_all_versions(tmp_path, loaded_versions):
    roots = [tmp_path / "base", tmp_path / "head"]
    for root in roots:
        (root / "opbench" / "results").mkdir(parents=True)
        for place in ("", "results"):
            file = root / "opbench" / place / "__init__.py"
            file.write_text("raise ImportError('another harness')\n")
    for root in roots:
        side = loaded_versions.load(version(root, "x", home=roots[1]))
        assert importlib.import_module("opbench.harness.declare") is opbench.harness.declare
        assert importlib.import_module("opbench.results.records").Case is not None
        assert not any(name.startswith("opbench") for name in side.modules)
        assert type(side.catalog.ops["row_sum"]) is opbench.harness.declare.Op


def test_installed_packages_are_shared_by_versions(two):
    base, head = two
    assert base.catalog.ops["patch_pooling"] is head.catalog.ops["patch_pooling"]
    for side in two:
        impls = side.catalog.impls
        assert side.owns(impls["row_sum"]["late"])
        assert not side.owns(impls["patch_pooling"]["scatter_reduce"])


def test_an_environment_inside_the_repository_is_installed(tmp_path, loaded_versions, monkeypatch):
    home, site = tmp_path / "head", tmp_path / "head" / ".venv" / "lib"
    site.mkdir(parents=True)
    (site / "installed_module.py").write_text("VALUE = object()\n")
    monkeypatch.setattr("opbench.harness.versions.trees._INSTALLED", (site,))
    monkeypatch.setattr(loaded_versions, "_shared_path", [*sys.path, str(site)])
    found = []
    for root in (tmp_path / "base", home):
        side = loaded_versions.load(version(root, "x", home=home))
        assert str(site) in side.path
        found.append(importlib.import_module("installed_module"))
    assert found[0] is found[1]


def test_a_place_in_the_repository_is_relocated_in_each_version(
    tmp_path, loaded_versions, monkeypatch
):
    """As of a project that is installed for editing, with its modules in `src`."""
    home = tmp_path / "head"
    monkeypatch.setattr(loaded_versions, "_shared_path", [*sys.path, str(home / "src")])
    base = loaded_versions.load(version(tmp_path / "base", "old", home=home, below="src"))
    head = loaded_versions.load(version(home, "new", below="src"))
    assert str(home / "src") not in base.path
    # Before installed packages, and behind Python's own modules.
    places = [is_pythons(place) for place in head.path]
    assert head.path.index(str(home)) == max(n for n, own in enumerate(places) if own) + 1
    for side, value in ((base, "old"), (head, "new")):
        loaded_versions.activate(side)
        assert late(side) == (value, value)


def test_entry_points_are_read_from_the_version(tmp_path, loaded_versions):
    project = (
        '[project]\nname = "their-ops"\n[project.entry-points."opbench.suites"]\na = "their_ops"\n'
    )
    base = version(tmp_path / "base", "old", modules=())
    (base.root / "pyproject.toml").write_text(project)
    (base.root / "their_ops.py").write_text(OPS_OF)
    side = loaded_versions.load(base)
    assert set(side.catalog.impls["row_sum"]) == {
        "summed",
        "multiplied",
        "with_scratch",
        "late",
    }


def test_modules_a_version_lacks_are_absent_without_error(tmp_path, loaded_versions):
    modules = ("ops.py", "missing.py", "a_module_that_nobody_has", "inner_module")
    side = loaded_versions.load(version(tmp_path / "base", "old", modules=modules))
    assert side.absent == ("missing.py", "a_module_that_nobody_has")
    assert "late" in side.catalog.impls["row_sum"]


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        (("broken.py",), "base does not load: .*broken.py cannot be loaded: ValueError: no luck"),
        (("needy.py",), "base does not load: .*No module named 'a_module_that_nobody_has'"),
    ],
)
def test_a_version_that_does_not_load_is_named_with_its_reason(
    tmp_path, loaded_versions, modules, expected
):
    base = version(tmp_path / "base", "old", modules=modules)
    (base.root / "broken.py").write_text("raise ValueError('no luck')\n")
    (base.root / "needy.py").write_text("import a_module_that_nobody_has\n")
    with pytest.raises(VersionError, match=expected):
        loaded_versions.load(base)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            """
@torch.library.custom_op("their_ops::doubled", mutates_args=())
def doubled(x: torch.Tensor) -> torch.Tensor:
    return 2 * x
""",
            "both versions register their_ops::doubled with torch under one name",
        ),
        ("\ntorch.backends.mkldnn.set_flags(False)\n", "loading it changes .* for both versions"),
    ],
)
def test_versions_that_change_shared_state_cannot_be_twins(tmp_path, lines, expected):
    versions = []
    for name in ("base", "head"):
        found = version(tmp_path / name, name, home=tmp_path / "head")
        with (found.root / "ops.py").open("a") as file:
            file.write(lines)
        versions.append((name, found))
    with Supervisor((), versions=tuple(versions)) as supervisor:
        with pytest.raises(WorkerError, match=expected):
            supervisor.environment()
