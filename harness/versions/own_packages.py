"""opbench itself, which measures every version: all of it, or all but what a version declares."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

NAME = "opbench"
#: The parts that a version of opbench itself has of its own; other projects use the installed.
DECLARED = (f"{NAME}.impls", f"{NAME}.suites")


def folder() -> Path:
    """The folder of this package. Not resolved: in a checkout its parts are links."""
    return Path(__file__).parent.parent.parent


def program() -> str:
    """Code for a fresh process: it imports this very opbench, whatever else imports would find."""
    root, file = str(folder()), str(folder() / "__init__.py")
    return f"""
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location({NAME!r}, {file!r}, submodule_search_locations=[{root!r}])
sys.modules[{NAME!r}] = module_from_spec(spec)
spec.loader.exec_module(sys.modules[{NAME!r}])
"""


def is_own(name: str, *, declared: bool = True) -> bool:
    """Whether a module is opbench's. declared: its contenders and suites included."""
    if name.partition(".")[0] != NAME:
        return False
    return declared or not any(f"{name}.".startswith(f"{part}.") for part in DECLARED)


def release() -> None:
    """Unload opbench's contenders and suites, so that imports find them anew."""
    for name in [name for name in sys.modules if is_own(name)]:
        if not is_own(name, declared=False):
            del sys.modules[name]


def show(modules: Mapping[str, ModuleType], root: Path | None) -> None:
    """Make imports find the contenders and suites of the version in `root`.

    modules: those of them that are loaded. root: None for what is installed.
    """
    package = sys.modules[NAME]
    package.__path__ = [*([str(root / NAME)] if root else []), str(folder())]
    for name in DECLARED:
        attribute = name.rpartition(".")[2]
        if name in modules:
            setattr(package, attribute, modules[name])
        else:
            vars(package).pop(attribute, None)
