"""The source of functions with all that they need, so that it runs without opbench.

Helpers of the same project are copied along, constants are written out, and what is installed is
imported. What can't be written so (a closure, a module of the project, an object) is said by name.
"""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import math
import re
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, TypeGuard

import torch

from opbench.results.errors import UnsupportedError

#: Longer texts are no constants that people would write.
_LONGEST = 500


@dataclass(slots=True)
class StandaloneSource:
    """Collects functions and what they need."""

    #: Lines that import.
    imports: dict[str, None] = field(default_factory=dict)
    #: The text of each constant, by name.
    constants: dict[str, str] = field(default_factory=dict)
    #: The source of each function, by name, what it calls first.
    functions: dict[str, str] = field(default_factory=dict)
    #: What each name stands for.
    _values: dict[str, object] = field(default_factory=dict)

    def add(self, function: Callable[..., Any]) -> str:
        """Collect a function; return its name.

        Raises UnsupportedError, with the reason, where it can't stand by itself.
        """
        name = getattr(function, "__name__", "")
        if not self._is_new(name, function):
            return name
        plain = inspect.unwrap(function)
        if not isinstance(plain, FunctionType) or not name.isidentifier():
            raise UnsupportedError(f"{name or function!r} is no function with a source of its own")
        if plain.__code__.co_freevars:
            raise UnsupportedError(f"{name} uses variables of the function that it was made in")
        tree, text = _parsed(plain)
        kept = [d for d in tree.decorator_list if not _is_opbench(d, plain)]
        outside = [*tree.args.defaults, *filter(None, tree.args.kw_defaults), *kept]
        for used in sorted({*_globals_of(plain.__code__), *_names_in(outside)}):
            if used in plain.__globals__ and used != name:
                self._add_value(name, used, plain.__globals__[used])
        head = "".join(f"@{ast.unparse(decorator)}\n" for decorator in kept)
        self.functions[name] = head + text
        if re.search(r"\bTensor\b", text):
            # Annotations are texts, but people and linters read them.
            self.imports["from torch import Tensor"] = None
        return name

    @property
    def names(self) -> frozenset[str]:
        """The global names that are taken."""
        return frozenset(self._values)

    def text(self) -> str:
        """All that was collected, as source."""
        constants = "\n".join(f"{name} = {text}" for name, text in self.constants.items())
        parts = ("\n".join(sorted(self.imports)), constants, *self.functions.values())
        return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"

    def _is_new(self, name: str, value: object) -> bool:
        """Whether a name is not there yet.

        Raises UnsupportedError where it is of something else.
        """
        if name not in self._values:
            self._values[name] = value
            return True
        there = self._values[name]
        if there is not value and (written(there) is None or written(there) != written(value)):
            raise UnsupportedError(f"two different things are called {name}")
        return False

    def _add_value(self, owner: str, name: str, value: object) -> None:
        """Collect what a function calls by a global name."""
        if isinstance(value, ModuleType):
            self._import_module(owner, name, value)
        elif _is_own(value):
            called = self.add(value)
            if called != name:
                raise UnsupportedError(f"{owner} calls {called} by another name, {name}")
        elif (line := _importing(name, value)) is not None:
            if self._is_new(name, value):
                self.imports[line] = None
        elif (text := written(value)) is not None:
            if self._is_new(name, value):
                self.constants[name] = text
                self.imports["import torch"] = None
        else:
            raise UnsupportedError(f"{owner} uses {name}, which is {type(value).__name__}")

    def _import_module(self, owner: str, name: str, module: ModuleType) -> None:
        """Import an installed module by the name that a function has for it."""
        if not _is_installed(module.__name__):
            raise UnsupportedError(f"{owner} uses {name}, a module of its project")
        if self._is_new(name, module):
            path = module.__name__
            self.imports[f"import {path}" + (f" as {name}" if path != name else "")] = None


def _parsed(function: FunctionType) -> tuple[ast.FunctionDef, str]:
    """The definition of a function, and its text without decorators.

    Raises UnsupportedError where there is none, as of a lambda.
    """
    try:
        source = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(source).body[0]
    except (OSError, SyntaxError, TypeError) as error:
        raise UnsupportedError(f"{function.__name__} has no source") from error
    if not isinstance(tree, ast.FunctionDef):
        raise UnsupportedError(f"{function.__name__} is no plain function")
    return tree, "\n".join(source.splitlines()[tree.lineno - 1 :]) + "\n"


def _is_opbench(decorator: ast.expr, function: FunctionType) -> bool:
    """Whether a decorator is opbench's, which says nothing of what the function does."""
    name = next(iter(_names_in([decorator])), "")
    module = getattr(function.__globals__.get(name), "__module__", "") or ""
    return module.partition(".")[0] == "opbench"


def _names_in(parts: list[ast.expr]) -> Iterator[str]:
    """The names in some expressions, the first one first."""
    for part in parts:
        yield from (node.id for node in ast.walk(part) if isinstance(node, ast.Name))


def _globals_of(code: CodeType) -> Iterator[str]:
    """The global names that code asks for, that of functions within it too."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)


def _is_own(value: object) -> TypeGuard[Callable[..., Any]]:
    """Whether something is a function of the project, wrapped or not."""
    return (
        callable(value)
        and isinstance(inspect.unwrap(value), FunctionType)
        and not _is_installed(getattr(value, "__module__", None) or "")
    )


@functools.cache
def _is_installed(module: str) -> bool:
    """Whether a module comes with Python or a package, and isn't opbench's."""
    root = module.partition(".")[0]
    if root in ("opbench", "__main__", ""):
        return False
    if root in sys.stdlib_module_names or root == "torch":
        return True
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    places = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    return any(Path(file).is_relative_to(place) for place in places)


def _importing(name: str, value: object) -> str | None:
    """The line that imports a value by its name; None where there is none."""
    origin = getattr(value, "__module__", None) or ""
    own = getattr(value, "__name__", "")
    # Functions of torch that are made in C++ name no module.
    places = ("torch",) if isinstance(value, BuiltinFunctionType) and not origin else (origin,)
    for place in places:
        if _is_installed(place) and getattr(sys.modules.get(place), own, None) is value:
            return f"from {place} import {own}" + (f" as {name}" if own != name else "")
    return None


def written(value: object) -> str | None:
    """A constant as source; None where it isn't one, or too long for people to write."""
    try:
        text = _literal(value)
    except TypeError:
        return None
    return text if len(text) <= _LONGEST else None


def _literal(value: object) -> str:
    """Numbers, texts, dtypes, and collections of them as source.

    Raises TypeError for all else.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | torch.dtype):
        return repr(value)
    if type(value) is tuple:
        return f"({''.join(f'{_literal(item)}, ' for item in value)})"
    if type(value) is list:
        return f"[{', '.join(map(_literal, value))}]"
    if type(value) is dict:
        return f"{{{', '.join(f'{_literal(k)}: {_literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, set | frozenset) and type(value) in (set, frozenset):
        return f"{type(value).__name__}([{', '.join(sorted(map(_literal, value)))}])"
    raise TypeError
