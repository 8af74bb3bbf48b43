"""Names that a program calls functions by: replaced by other functions, and put back.

Names of modules and of `torch.Tensor`, and those that a generated dispatcher has. What a program
holds otherwise, in a list or on an object, keeps the function that it has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from opbench.harness.declare import impl

#: Modules whose names are left alone unless they are asked for: torch calls its own functions.
_LEFT_ALONE = ("torch", "opbench.harness")


@dataclass(frozen=True, slots=True)
class _Replaced:
    """A name that holds another function for now, and what it held before."""

    #: A class, or the names of a module.
    owner: type | dict[str, Any]
    name: str
    #: None where a class had the function from its base.
    before: Any
    after: Any


@dataclass(slots=True)
class Names:
    """The names that were replaced."""

    _replaced: list[_Replaced] = field(default_factory=list)

    def replace(self, owner: type | dict[str, Any], name: str, function: Any) -> None:
        """Have a name of a class, or of a module's names, hold `function`."""
        before = (owner if isinstance(owner, dict) else vars(owner)).get(name)
        self._replaced.append(_Replaced(owner, name, before, function))
        if isinstance(owner, dict):
            owner[name] = function
        else:
            setattr(owner, name, function)

    def restore(self) -> None:
        """Put all back that nobody else has changed since."""
        while self._replaced:
            item = self._replaced.pop()
            names = item.owner if isinstance(item.owner, dict) else vars(item.owner)
            if names.get(item.name) is not item.after:
                continue
            if isinstance(item.owner, dict):
                item.owner[item.name] = item.before
            elif item.before is None:
                delattr(item.owner, item.name)
            else:
                setattr(item.owner, item.name, item.before)


def names_of_modules() -> Iterator[dict[str, Any]]:
    """The names of each module that is imported, without torch's and the harness's own."""
    for label, module in tuple(sys.modules.items()):
        # By its type: libraries put objects there that only say that they are modules.
        if issubclass(type(module), ModuleType) and not _is_left_alone(label):
            # As it is: a module that is loaded at its first use stays unloaded.
            names = ModuleType.__getattribute__(module, "__dict__")
            assert isinstance(names, dict)
            yield names


def tagged_functions() -> Iterator[Callable[..., Any]]:
    """The contenders' functions in modules that declare some, which have `impl` or `opbench`."""
    face = sys.modules["opbench"]
    for names in names_of_modules():
        values = tuple(names.values())
        if any(value is impl or value is face for value in values):
            for value in values:
                if not isinstance(value, ModuleType) and callable(value):
                    if "__opbench__" in getattr(value, "__dict__", ()):
                        yield value


def _is_left_alone(module: str) -> bool:
    """Whether a module is torch's, or the harness's."""
    return any(f"{module}.".startswith(f"{name}.") for name in _LEFT_ALONE)
