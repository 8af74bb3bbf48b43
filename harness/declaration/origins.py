"""Where a thing was declared, as people find it: a file and a line."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any


def path_for_people(path: str | Path) -> str:
    """A path as people write it: "./rms.py" below the working directory, else from the root."""
    absolute, here = Path(path).absolute(), Path.cwd()
    if absolute.is_relative_to(here):
        return f"./{absolute.relative_to(here)}"
    return str(absolute)


def name_of_file(path: Path) -> str:
    """What the module of a file that is loaded by its path is called among the modules."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    return f"{path.stem}_{digest}"


def home_of(module: str) -> str:
    """What people know a module by, given its `__name__`: its path where it was loaded by that."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is not None and module == name_of_file(Path(file)):
        return path_for_people(file)
    return module


def plain_name(module: ModuleType) -> str:
    """A module's name without its package, and without what marks a file that was loaded."""
    file = getattr(module, "__file__", None)
    if file is not None and module.__name__ == name_of_file(Path(file)):
        return Path(file).stem
    return module.__name__.rpartition(".")[2]


def place_of(function: Callable[..., Any], error: BaseException | None = None) -> str:
    """The file and the line of a function, "./rms.py:12"; "" where it isn't of Python.

    error: that came of calling it: then the line of its file that it came from.
    """
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not hasattr(function, "__code__"):
        function = type(function).__call__
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    line = code.co_firstlineno
    if error is not None:
        line = _last_line(error.__traceback__, code.co_filename) or line
    return f"{path_for_people(code.co_filename)}:{line}"


def line_in(error: BaseException, path: str) -> int:
    """The line of a file that an error came from; 0 where it didn't."""
    return _last_line(error.__traceback__, path)


def _last_line(traceback: TracebackType | None, path: str) -> int:
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
