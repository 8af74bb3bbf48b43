"""Origins of declarations, for messages: a file and a line."""

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
    """A path for messages: "./rms.py" below the working directory, else from the root."""
    absolute, here = Path(path).absolute(), Path.cwd()
    if absolute.is_relative_to(here):
        return in_a_line(f"./{absolute.relative_to(here)}")
    return in_a_line(str(absolute))


def in_a_line(text: str) -> str:
    """A text with escapes for line breaks and what else a terminal obeys: names may hold any."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def name_of_file(path: Path) -> str:
    """The name, in `sys.modules`, of a file that is loaded by its path."""
    # Of the whole path: two files of one name must not be one module.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    return f"{path.stem}_{digest}"


def home_of(module: str) -> str:
    """A module's name for messages, given its `__name__`: its path where it was loaded by that."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is not None and module == name_of_file(Path(file)):
        return path_for_people(file)
    return module


def suite_name(module: ModuleType) -> str:
    """The name of a module's suite: its own, without its package; a file's, without suffix."""
    file = getattr(module, "__file__", None)
    if file is not None and module.__name__ == name_of_file(Path(file)):
        return Path(file).stem
    return module.__name__.rpartition(".")[2]


def place_of(function: Callable[..., Any], error: BaseException | None = None) -> str:
    """The file and the line of a function, "./rms.py:12"; "" where it isn't Python.

    error: raised by a call of it; the line is then the one of the file that raised it.
    """
    # The code is that of the function which a partial, a method or a decorator wraps.
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "__func__", function))
    # An object that can be called.
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
    """The line of a file that raised an error; 0 where another file did."""
    return _last_line(error.__traceback__, path)


def _last_line(traceback: TracebackType | None, path: str) -> int:
    """The last line of a file that a traceback passes through; 0 where none does."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
