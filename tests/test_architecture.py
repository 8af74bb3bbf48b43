"""What may import what, read from the imports themselves."""

import ast
import shutil

import pytest

from tests.imports import (
    FLOORS,
    FOLDERS,
    PACKAGE,
    circle_in,
    files,
    graph_of,
    imports_of,
    upward_in,
)
from tests.places import ROOT

#: What each folder may import of the others. The face, `opbench`, is what everybody declares by.
ALLOWED = {
    "results": set(),
    "dashboards": {"results"},
    "harness": {"results"},
    "impls": set(),
    "suites": {"harness", "results"},
}
DECLARING = ("impls", "suites")
TORCH_FREE = ("results", "dashboards")
#: The command: it may import everything inside its functions, and print.
CLI = ROOT / "harness" / "cli" / "app.py"
COMMAND = tuple(files(ROOT, "harness/cli"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_point_down(folder):
    for path in files(ROOT, folder):
        if path in COMMAND:
            continue
        for name in imports_of(path):
            top, _, rest = name.partition(".")
            assert top not in FOLDERS, f"{path}: {name} is not of the package"
            if top != PACKAGE or rest.partition(".")[0] in {folder, *ALLOWED[folder]}:
                continue
            is_face = rest.partition(".")[0] not in FOLDERS and folder in DECLARING
            assert is_face, f"{path.relative_to(ROOT)} imports {name}"


def test_there_is_no_circle_and_nothing_imports_what_stands_above_it():
    graph = graph_of(ROOT)
    assert circle_in(graph) == []
    assert upward_in(graph) == []


def test_every_part_has_a_floor():
    for folder, floors in FLOORS.items():
        there = {p.stem for p in (ROOT / folder).glob("[!_]*.py")}
        there |= {p.parent.name for p in (ROOT / folder).glob("*/__init__.py")}
        assert there == {part for parts in floors for part in parts}


@pytest.mark.parametrize(
    ("file", "line", "circle", "upward"),
    [
        ("results/statistics/intervals.py", "import opbench.results.formats.csv", True, True),
        ("harness/timing/clock.py", "from opbench.harness.execution import worker", True, True),
        ("results/records/case.py", "from opbench.results.records import outcome", True, False),
        ("harness/machine/anchors.py", "from opbench.harness.cli import summary_file", False, True),
    ],
)
@pytest.mark.parametrize("where", ["", "def late():\n    ", "if TYPE_CHECKING:\n    "])
def test_a_planted_import_is_found(tmp_path, file, line, circle, upward, where):
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    planted = tmp_path / file
    planted.write_text(f"{planted.read_text()}\n\n{where}{line}\n")
    graph = graph_of(tmp_path)
    assert bool(circle_in(graph)) == circle
    assert bool(upward_in(graph)) == upward


@pytest.mark.parametrize("folder", TORCH_FREE)
def test_reading_a_run_needs_no_torch(folder):
    for path in files(ROOT, folder):
        assert not any(n.partition(".")[0] == "torch" for n in imports_of(path)), path


def test_the_command_imports_what_it_needs_inside_its_handlers():
    heavy = {"torch", "rich", "pandas", "numpy"}
    heavy |= {f"{PACKAGE}.{folder}" for folder in ("dashboards", "impls", "suites")}
    assert len(COMMAND) > 2
    for path in COMMAND:
        for name in imports_of(path, within_functions=False):
            assert not any(f"{name}.".startswith(f"{one}.") for one in heavy), f"{path}: {name}"


def test_contenders_know_kernels_and_helpers_but_no_other_contenders():
    contenders = {
        f"{PACKAGE}.impls.{p.stem}" for p in files(ROOT, "impls") if "@impl(" in p.read_text()
    }
    for path in files(ROOT, "impls"):
        for name in imports_of(path):
            module = ".".join(name.split(".")[:3])
            assert module not in contenders - {f"{PACKAGE}.impls.{path.stem}"}, f"{path}: {name}"


def test_only_the_command_prints_or_exits():
    for folder in FOLDERS:
        for path in files(ROOT, folder):
            if path == CLI:
                continue
            barred = {"sys.exit", "exit", "os._exit"} | (set() if path in COMMAND else {"print"})
            calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
            for call in calls:
                text = ast.unparse(call.func)
                assert text not in barred, f"{path}: {text}"


def test_one_broad_except_around_contenders_and_one_around_the_command():
    broad = {"harness/cli/app.py": 1, "harness/outcomes.py": 1}
    found = {}
    for folder in FOLDERS:
        for path in files(ROOT, folder):
            handlers = (
                n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ExceptHandler)
            )
            count = sum(h.type is None or ast.unparse(h.type) == "Exception" for h in handlers)
            if count:
                found[str(path.relative_to(ROOT))] = count
    assert found == broad
