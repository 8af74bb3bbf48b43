"""Load a heavy module only once it is really used, so that listing never waits for torch.

The standard library's LazyLoader will not do: up to Python 3.11 a second `import` of the module
executes it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any


class _Lazy(ModuleType):
    """Stands for a module until one of its attributes is asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def import_lazily(name: str) -> None:
    """Make `import name` bind a module that executes at the first use of an attribute.

    Does nothing where it is imported already or not installed.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is not None:
        module = _Lazy(name)
        module.__spec__ = spec
        sys.modules[name] = module
