"""Patches: objects of versions in modules and classes that they share.

Versions can't share a process with them: each would find the other's.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property, partial
from types import FunctionType, MethodType, ModuleType

from opbench.harness.versions.own_packages import is_own

#: The attribute in which an object of each type keeps the function that it wraps.
_WITHIN: Mapping[type, str] = {
    staticmethod: "__func__",
    classmethod: "__func__",
    MethodType: "__func__",
    partial: "func",
    cached_property: "func",
    property: "fget",
}


def patches(own: Collection[str]) -> Iterator[str]:
    """Names in shared modules and classes of functions, classes, objects and modules of versions.

    own: the names of the modules of versions, none of which may be active.
    """
    for name, module in list(sys.modules.items()):
        # opbench's contenders use what a project may well be: they aren't what is compared.
        if is_own(name) and not is_own(name, declared=False):
            continue
        for attribute, value in _members(module):
            if _home_of(value) in own:
                yield f"{name}.{attribute}"
            # A class is searched once: in the module that defines it.
            elif issubclass(type(value), type) and vars(value).get("__module__") == name:
                for inner, member in _members(value):
                    if _home_of(member) in own:
                        yield f"{name}.{attribute}.{inner}"


def _members(owner: object) -> list[tuple[str, object]]:
    """The attributes of a module or class itself; none of other objects among the modules."""
    attributes = getattr(owner, "__dict__", None)
    return list(attributes.items()) if isinstance(attributes, Mapping) else []


def _home_of(value: object) -> object:
    """The name of the module of a function or class, of a module itself, or of an object's class.

    Only types are looked at, without attribute access: a lazy object would be executed by that.
    """
    while type(value) in _WITHIN:
        value = getattr(value, _WITHIN[type(value)])
    if type(value) is FunctionType:
        # Not `__module__`, which functools.wraps copies from another function.
        return value.__globals__.get("__name__")
    if issubclass(type(value), ModuleType):
        return vars(value).get("__name__")
    described = value if issubclass(type(value), type) else type(value)
    home = vars(described).get("__module__")
    return home if isinstance(home, str) else None
