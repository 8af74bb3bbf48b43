"""Functions that run as contenders, as a program gets to see them: as they are, unless recorded.

A hook is here only while calls are recorded; importing a module adds none.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

#: Of how a function is called ("contender", "dispatch"), the name of its op and the function: what
#: the program calls in its place.
Hook = Callable[[str, str, Callable[..., Any]], Callable[..., Any]]
#: Those that record.
HOOKS: list[Hook] = []
#: The dispatchers that are in use, with the names of their ops: a recorder replaces the contenders
#: among the names of each.
DISPATCHERS: WeakKeyDictionary[FunctionType, str] = WeakKeyDictionary()
#: How these names begin.
CONTENDER = "contender_"
#: By this attribute a function that counts its calls holds the one that runs.
ORIGINAL = "__opbench_original__"


def observed(how: str, op: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a program calls as a contender of `op`; the same one unless recorded."""
    for hook in HOOKS:
        function = hook(how, op, function)
    return function


def original(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that runs, of one that perhaps counts its calls."""
    found: Callable[..., Any] = getattr(function, ORIGINAL, function)
    return found
