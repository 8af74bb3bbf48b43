"""Load a heavy module only once it is really used, so that listing never waits for torch."""

from __future__ import annotations

import importlib.util
import sys


def import_lazily(name: str) -> None:
    """Make `import name` bind a module that executes at the first use of an attribute.

    Does nothing where it is imported already or not installed.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
