"""Be called when a module has been imported, whenever the program comes to that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

#: What is called with a module that was just imported.
Imported = Callable[[ModuleType], None]


class LaterImports(MetaPathFinder):
    """Looks out for the imports of some modules, which others find and load as ever."""

    def __init__(self, names: Iterable[str], imported: Imported) -> None:
        """Call `imported` with each module of these names, once it is imported."""
        self._waiting = set(names)
        self._imported = imported

    def begin(self) -> None:
        """Look out from now on."""
        sys.meta_path.insert(0, self)

    def end(self) -> None:
        """Look out no more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, whose loader calls us in the end."""
        if name not in self._waiting:
            return None
        self._waiting.discard(name)
        for finder in tuple(sys.meta_path):
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    self._follow(spec)
                    return spec
        return None

    def _follow(self, spec: ModuleSpec) -> None:
        """Have the loader of this one module call us; it is left as it was afterwards."""
        loader, load = spec.loader, getattr(spec.loader, "exec_module", None)
        attributes = getattr(loader, "__dict__", None)
        if load is None or attributes is None:
            return

        def exec_module(module: ModuleType) -> None:
            """Load the module, and call what waits for it."""
            attributes.pop("exec_module", None)
            load(module)
            self._imported(module)

        attributes["exec_module"] = exec_module
