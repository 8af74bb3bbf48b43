"""What imports what in a checkout, read from every import of every file."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "opbench"
FOLDERS = ("results", "dashboards", "harness", "impls", "suites")
#: The parts of these folders, from the lowest floor up: a part may import those of lower floors.
FLOORS = {
    "results": (
        ("errors", "statistics"),
        ("records",),
        ("store",),
        ("ranking", "regression"),
        ("explaining",),
        ("report",),
        ("choosing",),
        ("formats",),
    ),
    "harness": (
        ("system",),
        ("declaration",),
        ("declare", "outcomes"),
        ("machine",),
        ("preparation",),
        ("catalog", "timing", "profiling"),
        ("planning", "correctness"),
        ("choosing",),
        ("versions",),
        ("recording",),
        ("explaining",),
        ("execution",),
        ("pipeline", "pytest_plugin"),
        ("fleet",),
        ("regression",),
        ("cli",),
    ),
}


def files(root: Path, folder: str) -> list[Path]:
    return sorted((root / folder).rglob("*.py"))


def imports_of(path: Path, *, within_functions: bool = True) -> Iterator[str]:
    """Every name that a file imports, with the module it is imported from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if within_functions else tree.body
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_of(root: Path) -> dict[str, Path]:
    """The modules of the five folders, by their names."""
    found = {}
    for folder in FOLDERS:
        for path in files(root, folder):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join((PACKAGE, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


def graph_of(root: Path) -> dict[str, set[str]]:
    """The modules that each module imports, itself and packages that it lies in apart."""
    modules = modules_of(root)
    graph = {}
    for name, path in modules.items():
        targets = {_module_of(target, modules) for target in imports_of(path)}
        graph[name] = {t for t in targets if t and not f"{name}.".startswith(f"{t}.")}
    return graph


def _module_of(target: str, modules: dict[str, Path]) -> str | None:
    """The module that an imported name is, or is taken from."""
    if target in modules:
        return target
    parent = target.rpartition(".")[0]
    return parent if parent in modules else None


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports, in their order; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def upward_in(graph: dict[str, set[str]]) -> list[str]:
    """The imports that don't point to a lower floor, within a folder that has floors."""
    return [
        f"{name} imports {target}"
        for name, targets in sorted(graph.items())
        for target in sorted(targets)
        if _is_upward(name, target)
    ]


def _is_upward(name: str, target: str) -> bool:
    (_, folder, *part), (_, other, *aim) = name.split("."), target.split(".")
    if folder != other or folder not in FLOORS or not part or not aim or part[0] == aim[0]:
        return False
    return _floor(folder, aim[0]) >= _floor(folder, part[0])


def _floor(folder: str, part: str) -> int:
    """Raises ValueError where no floor has the part."""
    for number, parts in enumerate(FLOORS[folder]):
        if part in parts:
            return number
    raise ValueError(f"no floor of {folder} has {part}")
