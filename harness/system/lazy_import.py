"""Load a heavy module at its first use, so that listing never waits for torch.

The standard library's LazyLoader will not do: up to Python 3.11 a second `import` of the module
executes it.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import sys
import threading
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

#: Only one thread executes a module that several want at once.
_EXECUTING = threading.RLock()


class _Lazy(ModuleType):
    """A module that isn't executed until an attribute is used that it doesn't have yet.

    It then becomes the module itself, so that names bound to it before are bound to the real one.
    It has no `__path__` until then: the import system looks for that before it loads a submodule.
    """

    def __getattr__(self, name: str) -> Any:
        with _EXECUTING:
            if type(self) is _Lazy:
                _execute(self)
        return ModuleType.__getattribute__(self, name)

    def __dir__(self) -> list[str]:
        self.__getattr__("__name__")
        return list(ModuleType.__dir__(self))


class _Executing(_Lazy):
    """A lazy module while it executes: its own submodules find it half done, other threads wait."""


def _execute(module: ModuleType) -> None:
    """Execute a module in place."""
    module.__class__ = _Executing
    try:
        importlib.reload(module)
    except BaseException:
        # As after a failed import: the next one tries again.
        sys.modules.pop(module.__name__, None)
        raise
    finally:
        module.__class__ = ModuleType


class _Submodules(MetaPathFinder):
    """A finder of the submodules that a lazily loaded package imported while it executed.

    `import torch.nn` executes torch while the import system is about to look for torch.nn, which is
    loaded by then; without this finder it would be found in its file and executed a second time.
    """

    def __init__(self, package: str) -> None:
        self._prefix = f"{package}."

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that is loaded already; None for others, and for a reload."""
        module = sys.modules.get(name) if name.startswith(self._prefix) else None
        if module is None or target is not None or module.__spec__ is None:
            return None
        spec = copy.copy(module.__spec__)
        spec.loader = _Loaded(module)
        return spec


class _Loaded(Loader):
    """A loader of a module that is loaded already."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own spec; it has been executed before."""
        module.__spec__ = self._spec


def import_lazily(name: str) -> None:
    """Make `import name` bind a module that executes at the first use of an attribute.

    Does nothing where it is imported already or not installed.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__dict__.pop("__path__", None)
    module.__class__ = _Lazy
    sys.modules[name] = module
    if spec.submodule_search_locations is not None:
        sys.meta_path.insert(0, _Submodules(name))
