"""Who may import whom, read from the imports themselves."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("results", "dashboards", "harness", "impls", "suites")
#: What each folder may import of the five, itself apart.
ALLOWED = {
    "results": set(),
    "dashboards": {"results"},
    "harness": {"results"},
    "impls": {"opbench.harness.declare"},
    "suites": {"harness", "results"},
}
TORCH_FREE = ("results", "dashboards")
#: The command: it may import everything inside its functions, and print.
CLI = ROOT / "harness" / "cli.py"
COMMAND = (CLI, *sorted((ROOT / "harness" / "commands").rglob("*.py")))


def imports_of(path, *, within_functions=True):
    """Every module that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if within_functions else tree.body
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_point_down(folder):
    for path in files(folder):
        if path in COMMAND:
            continue
        for name in imports_of(path):
            top = name.partition(".")[0]
            if top in FOLDERS and top != folder:
                allowed = ALLOWED[folder]
                assert any(name == a or name.startswith(f"{a}.") for a in allowed), (
                    f"{path.relative_to(ROOT)} imports {name}"
                )


@pytest.mark.parametrize("folder", TORCH_FREE)
def test_reading_a_run_needs_no_torch(folder):
    for path in files(folder):
        assert not any(n.partition(".")[0] == "torch" for n in imports_of(path)), path


def test_the_command_imports_what_it_needs_inside_its_handlers():
    heavy = {"torch", "rich", "pandas", "dashboards", "numpy", "impls", "suites"}
    assert len(COMMAND) > 2
    for path in COMMAND:
        for name in imports_of(path, within_functions=False):
            assert name.partition(".")[0] not in heavy, f"{path}: {name}"


def test_contenders_know_kernels_and_helpers_but_no_other_contenders():
    contenders = {f"impls.{p.stem}" for p in files("impls") if "@impl(" in p.read_text()}
    for path in files("impls"):
        for name in imports_of(path):
            module = ".".join(name.split(".")[:2])
            assert module not in contenders - {f"impls.{path.stem}"}, f"{path}: {name}"


def test_only_the_command_prints_or_exits():
    for folder in FOLDERS:
        for path in files(folder):
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
        for path in files(folder):
            handlers = (
                n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ExceptHandler)
            )
            count = sum(h.type is None or ast.unparse(h.type) == "Exception" for h in handlers)
            if count:
                found[str(path.relative_to(ROOT))] = count
    assert found == broad


def test_files_and_functions_stay_readable():
    for folder in FOLDERS:
        for path in files(folder):
            text = path.read_text()
            assert text.count("\n") <= 400, path
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    lines = node.end_lineno - node.lineno + 1
                    assert lines <= 40, f"{path}: {node.name} has {lines} lines"
