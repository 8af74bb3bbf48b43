"""What a project says of itself, in each of the files that it may say it in."""

import json

import pytest

from opbench.harness.versions.project_files import Project, nearest, project_at, source_of
from opbench.results.errors import VersionError

GROUP = "opbench.suites"
POETRY = '[tool.poetry]\nname = "gears"\n[tool.poetry.plugins."opbench.suites"]\na = "gears.ops"\n'
SETUP_CFG = "[metadata]\nname = gears\n[options.entry_points]\nopbench.suites =\n  a = gears.ops\n"
SETUP = "from setuptools import setup\nsetup(name='gears', entry_points={})\n"
DYNAMIC = '[project]\nname = "gears"\ndynamic = ["entry-points"]\n'


@pytest.mark.parametrize(
    ("files", "declared"),
    [
        ({"pyproject.toml": '[project]\nname = "gears"\n'}, ()),
        (
            {
                "pyproject.toml": '[project]\nname = "gears"\n'
                '[project.entry-points."opbench.suites"]\na = "gears.ops"\n'
            },
            ("gears.ops",),
        ),
        ({"pyproject.toml": POETRY}, ("gears.ops",)),
        ({"pyproject.toml": POETRY.replace("ops", "ops:row_sum [fast]")}, ("gears.ops",)),
        ({"setup.cfg": SETUP_CFG.replace("ops\n", "ops:row_sum\n")}, ("gears.ops",)),
        ({"setup.cfg": SETUP_CFG}, ("gears.ops",)),
        ({"pyproject.toml": DYNAMIC, "setup.cfg": SETUP_CFG}, ("gears.ops",)),
        ({"pyproject.toml": DYNAMIC}, None),
        ({"pyproject.toml": "[tool.ruff]\n", "setup.cfg": SETUP_CFG}, ("gears.ops",)),
        ({"setup.py": SETUP.format({})}, ()),
        ({"setup.py": SETUP.format({GROUP: ["a = gears.ops"]})}, ("gears.ops",)),
        ({"setup.py": SETUP.format({GROUP: "a = gears.ops\nb=gears.x"})}, ("gears.ops", "gears.x")),
        (
            {"setup.py": SETUP.format("'[x]\\ny = z\\n [opbench.suites]\\n  a = gears.ops'")},
            ("gears.ops",),
        ),
        ({"setup.py": SETUP.format("'[x]\\ny = z\\n'")}, ()),
        ({"setup.py": "import tools\ntools.setup(name='gears', entry_points=found())\n"}, None),
    ],
)
def test_name_and_entry_points_are_read_without_running_code(tmp_path, files, declared):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert project_at(tmp_path, GROUP) == Project(tmp_path, "gears", declared)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"pyproject.toml": "[tool.ruff]\nline-length = 100\n"},
        {"setup.cfg": "[flake8]\nmax-line-length = 100\n"},
    ],
)
def test_files_with_only_settings_of_tools_are_no_project(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert project_at(tmp_path, GROUP) is None


def test_the_nearest_project_up_to_the_root_counts(tmp_path):
    root, inner = tmp_path / "root", tmp_path / "root" / "packages" / "inner"
    (inner / "bench").mkdir(parents=True)
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = outside\n")
    assert nearest(inner / "bench", root, GROUP) == Project(root, "", None)
    (root / "setup.cfg").write_text("[metadata]\nname = outer\n")
    assert nearest(inner / "bench", root, GROUP).name == "outer"
    (inner / "pyproject.toml").write_text('[project]\nname = "inner"\n')
    assert nearest(inner / "bench", root, GROUP).folder == inner


@pytest.mark.parametrize(
    ("name", "text"), [("pyproject.toml", "[project\n"), ("setup.cfg", "no section\n")]
)
def test_a_broken_file_is_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(VersionError, match=f"{name} can't be read"):
        project_at(tmp_path, GROUP)


def test_a_program_of_another_python_says_nothing(tmp_path):
    (tmp_path / "setup.py").write_text("print 'two'\n")
    assert project_at(tmp_path, GROUP) == Project(tmp_path, "", None)


class Recorded:
    """A distribution with this direct_url.json."""

    def __init__(self, text):
        self._text = text

    def read_text(self, name):
        return self._text if name == "direct_url.json" else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps({"url": "file:///home/some%20body/gears"}), "/home/some body/gears"),
        (json.dumps({"url": "https://example.org/gears.git"}), None),
        ("{}", None),
        ("not json", None),
        (None, None),
    ],
)
def test_where_something_was_installed_from(text, expected):
    found = source_of(Recorded(text))
    assert (None if found is None else str(found)) == expected
