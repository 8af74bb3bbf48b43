"""What a project says of itself in its files, read without running any of them."""

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

from opbench.results.errors import VersionError

FILES = ("pyproject.toml", "setup.cfg", "setup.py")


@dataclass(frozen=True, slots=True)
class Project:
    """folder: where its files lie. name: "" where they don't say it.

    declared: the values of an entry-point group; None where the files leave that to a program.
    """

    folder: Path
    name: str
    declared: tuple[str, ...] | None


def nearest(folder: Path, root: Path, group: str) -> Project:
    """The project that a folder belongs to: the first with files of one, from there up to the root.

    An empty one at the root where there is none. Raises VersionError where a file can't be read.
    """
    for place in (folder, *folder.parents):
        if not place.is_relative_to(root):
            break
        found = project_at(place, group)
        if found is not None:
            return found
    return Project(root, "", None)


def project_at(folder: Path, group: str) -> Project | None:
    """The project whose files lie in a folder, if there is one.

    Raises VersionError where a file can't be read.
    """
    parts = [part for part in (_pyproject(folder, group), *_setup(folder, group)) if part]
    if not parts:
        return None
    name = next((part.name for part in parts if part.name), "")
    known = [part.declared for part in parts if part.declared is not None]
    values = tuple(dict.fromkeys(value for declared in known for value in declared))
    return Project(folder, name, values if known else None)


def source_of(distribution: Distribution) -> Path | None:
    """The folder or file that a distribution was installed from, where that was on this disk."""
    text = distribution.read_text("direct_url.json")
    try:
        url = urlparse(json.loads(text)["url"]) if text else None
    except (ValueError, KeyError, TypeError):
        return None
    return Path(unquote(url.path)) if url is not None and url.scheme == "file" else None


def plain(name: str) -> str:
    """A project's name as it is compared."""
    return name.lower().replace("_", "-").replace(".", "-")


def _pyproject(folder: Path, group: str) -> Project | None:
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
    declared = tuple(sorted(str(value) for value in values.values()))
    # Else another file, or a program, tells the entry points.
    is_whole = declared or (project and "entry-points" not in project.get("dynamic", ()))
    name = str(project.get("name") or poetry.get("name") or "")
    return Project(folder, name, declared if is_whole else None)


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _setup(folder: Path, group: str) -> Iterator[Project]:
    """What setup.cfg and setup.py say, as far as it stands there word for word."""
    config = configparser.ConfigParser(interpolation=None, strict=False)
    path = folder / "setup.cfg"
    if path.is_file():
        try:
            config.read(path, encoding="utf-8")
        except (configparser.Error, ValueError) as error:
            raise VersionError(f"{path} can't be read: {error}") from error
        if config.has_section("metadata") or config.has_section("options"):
            name = config.get("metadata", "name", fallback="")
            lines = config.get("options.entry_points", group, fallback=None)
            yield Project(folder, name, None if lines is None else _values(lines))
    path = folder / "setup.py"
    if path.is_file():
        yield _called(path, group)


def _called(path: Path, group: str) -> Project:
    """The words of the call of setup() in a setup.py that are written out there."""
    try:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, SyntaxError):
        # Of another Python, perhaps: what is installed may still tell.
        return Project(path.parent, "", None)
    calls = (n for n in nodes if isinstance(n, ast.Call) and _is_setup(n.func))
    words = {word.arg: word.value for call in calls for word in call.keywords}
    name, points = _literal(words.get("name")), _literal(words.get("entry_points"))
    declared = None
    if isinstance(points, str):
        declared = _values(_section(points, group))
    elif isinstance(points, dict):
        lines = points.get(group, ())
        declared = _values(lines if isinstance(lines, str) else "\n".join(map(str, lines)))
    return Project(path.parent, name if isinstance(name, str) else "", declared)


def _section(text: str, name: str) -> str:
    """The lines of a section of entry points that are written as in `entry_points.txt`."""
    config = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    try:
        config.read_string("\n".join(map(str.strip, text.splitlines())))
    except configparser.Error:
        return ""
    found = config[name] if config.has_section(name) else {}
    return "\n".join(f"{key} = {value}" for key, value in found.items())


def _is_setup(function: ast.expr) -> bool:
    return ast.unparse(function).rpartition(".")[2] == "setup"


def _literal(node: ast.expr | None) -> object:
    """What is written there; None where it has to be computed."""
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None


def _values(lines: str) -> tuple[str, ...]:
    """The modules of lines like `name = module`."""
    given = (line.partition("=")[2].strip() for line in lines.splitlines() if "=" in line)
    return tuple(sorted(given))
