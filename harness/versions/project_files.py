"""A project's name and entry points, read from its files without running any of them.

pyproject.toml (standard or Poetry), setup.cfg and literals of setup.py are read. What a program
would compute isn't known, and is left to what is installed.
"""

from __future__ import annotations

import ast
import configparser
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from opbench.harness.declaration.loading import module_of
from opbench.results.errors import VersionError

FILES = ("pyproject.toml", "setup.cfg", "setup.py")


@dataclass(frozen=True, slots=True)
class Project:
    """A project, as its files describe it."""

    #: The folder of the files.
    folder: Path
    #: "" if they don't give it.
    name: str
    #: The values of an entry-point group; None if the files leave them to a program.
    declared: tuple[str, ...] | None


def nearest(folder: Path, root: Path, group: str) -> Project:
    """The project of a folder: the first whose files are found from there up to the root.

    An empty one at the root if there is none. Raises VersionError if a file can't be read.
    """
    for place in (folder, *folder.parents):
        if not place.is_relative_to(root):
            break
        project = project_at(place, group)
        if project is not None:
            return project
    return Project(root, "", None)


def project_at(folder: Path, group: str) -> Project | None:
    """The project whose files lie in a folder, if there is one.

    Raises VersionError if a file can't be read.
    """
    parts = [part for part in (_pyproject(folder, group), *_setup(folder, group)) if part]
    if not parts:
        return None
    name = next((part.name for part in parts if part.name), "")
    known = [part.declared for part in parts if part.declared is not None]
    values = tuple(dict.fromkeys(value for declared in known for value in declared))
    return Project(folder, name, values if known else None)


def source_of(distribution: Distribution) -> Path | None:
    """The folder or file that a distribution was installed from, if that was on this disk."""
    text = distribution.read_text("direct_url.json")
    try:
        url = urlparse(json.loads(text)["url"]) if text else None
    except (ValueError, KeyError, TypeError):
        return None
    return Path(unquote(url.path)) if url is not None and url.scheme == "file" else None


def normalized(name: str) -> str:
    """A project's name in the form in which names are compared."""
    return name.lower().replace("_", "-").replace(".", "-")


def _pyproject(folder: Path, group: str) -> Project | None:
    """The project by pyproject.toml: by its standard table, or by Poetry's."""
    path = folder / "pyproject.toml"
    if not path.is_file():
        return None
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VersionError(f"{path} can't be read: {error}") from error
    project, tools = _table(data, "project"), _table(data, "tool")
    poetry = _table(tools, "poetry")
    if not project and not poetry:
        return None
    values = {
        **_table(_table(project, "entry-points"), group),
        **_table(_table(poetry, "plugins"), group),
    }
    declared = tuple(sorted(module_of(str(value)) for value in values.values()))
    # Else another file, or a program, has the entry points.
    is_whole = declared or (project and "entry-points" not in project.get("dynamic", ()))
    name = str(project.get("name") or poetry.get("name") or "")
    return Project(folder, name, declared if is_whole else None)


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of a TOML file; an empty one if there is none of that name."""
    table = data.get(name)
    return table if isinstance(table, dict) else {}


def _setup(folder: Path, group: str) -> Iterator[Project]:
    """The project by setup.cfg, and by setup.py, as far as it is written out there."""
    config = configparser.ConfigParser(interpolation=None, strict=False)
    path = folder / "setup.cfg"
    if path.is_file():
        try:
            config.read(path, encoding="utf-8")
        except (configparser.Error, ValueError) as error:
            raise VersionError(f"{path} can't be read: {str(error).splitlines()[0]}") from error
        if config.has_section("metadata") or config.has_section("options"):
            name = config.get("metadata", "name", fallback="")
            lines = config.get("options.entry_points", group, fallback=None)
            yield Project(folder, name, None if lines is None else _values(lines))
    path = folder / "setup.py"
    if path.is_file():
        yield _called(path, group)


def _called(path: Path, group: str) -> Project:
    """The project by the literal arguments of the call of setup() in a setup.py."""
    try:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, SyntaxError):
        # Of another Python, perhaps: the installed entry points may still be read.
        return Project(path.parent, "", None)
    calls = (n for n in nodes if isinstance(n, ast.Call) and _is_setup(n.func))
    given = {keyword.arg: keyword.value for call in calls for keyword in call.keywords}
    name, points = _literal(given.get("name")), _literal(given.get("entry_points"))
    declared = None
    if isinstance(points, str):
        declared = _values(_section(points, group))
    elif isinstance(points, dict):
        lines = points.get(group, ())
        declared = _values(lines if isinstance(lines, str) else "\n".join(map(str, lines)))
    return Project(path.parent, name if isinstance(name, str) else "", declared)


def _section(text: str, name: str) -> str:
    """The lines of a section of a text like `entry_points.txt`; "" if it has none."""
    config = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    try:
        config.read_string("\n".join(map(str.strip, text.splitlines())))
    except configparser.Error:
        return ""
    options = config[name] if config.has_section(name) else {}
    return "\n".join(f"{key} = {value}" for key, value in options.items())


def _is_setup(function: ast.expr) -> bool:
    """Whether a called function is setup(), under whatever module it is imported."""
    return ast.unparse(function).rpartition(".")[2] == "setup"


def _literal(node: ast.expr | None) -> object:
    """The value of a literal; None if it has to be computed."""
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None


def _values(lines: str) -> tuple[str, ...]:
    """The modules of lines like `name = module`."""
    values = (line.partition("=")[2] for line in lines.splitlines() if "=" in line)
    return tuple(sorted(map(module_of, values)))
