"""What versions put into modules and classes that they share: there each would have the other's."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property, partial
from types import FunctionType, MethodType, ModuleType

#: Where those that stand for a function keep it.
_WITHIN: Mapping[type, str] = {
    staticmethod: "__func__",
    classmethod: "__func__",
    MethodType: "__func__",
    partial: "func",
    cached_property: "func",
    property: "fget",
}


def patches(own: Collection[str]) -> Iterator[str]:
    """Names in what is shared of functions, classes, objects and modules that come from `own`.

    own: the modules of versions, none of which may be among the process's modules now.
    """
    for name, module in list(sys.modules.items()):
        for attribute, value in _members(module):
            if _home_of(value) in own:
                yield f"{name}.{attribute}"
            # A class is looked into once: in the module that defines it.
            elif issubclass(type(value), type) and vars(value).get("__module__") == name:
                for inner, member in _members(value):
                    if _home_of(member) in own:
                        yield f"{name}.{attribute}.{inner}"


def _members(owner: object) -> list[tuple[str, object]]:
    found = getattr(owner, "__dict__", None)
    return list(found.items()) if isinstance(found, Mapping) else []


def _home_of(value: object) -> object:
    """The module that a function or class is of, a module's name, or that of an object's class.

    Objects are told by their types alone: a lazy one mustn't be woken up.
    """
    while type(value) in _WITHIN:
        value = getattr(value, _WITHIN[type(value)])
    if type(value) is FunctionType:
        # Not by its name, which whoever wraps another function takes over.
        return value.__globals__.get("__name__")
    if issubclass(type(value), ModuleType):
        return vars(value).get("__name__")
    described = value if issubclass(type(value), type) else type(value)
    home = vars(described).get("__module__")
    return home if isinstance(home, str) else None
