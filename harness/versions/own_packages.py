"""opbench itself, which measures every version: all of it, or all but what a version declares."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

NAME = "opbench"
#: What a version of opbench itself has of its own; to the projects of others it is as installed.
DECLARED = (f"{NAME}.impls", f"{NAME}.suites")


def folder() -> Path:
    """Where this package lies. Not resolved: in a checkout its parts are links."""
    return Path(__file__).parent.parent.parent


def is_own(name: str, *, declared: bool = True) -> bool:
    """Whether a module is opbench's; with or without what it declares."""
    if name.partition(".")[0] != NAME:
        return False
    return declared or not any(f"{name}.".startswith(f"{part}.") for part in DECLARED)


def release() -> None:
    """Let imports find what is declared anew."""
    for name in [name for name in sys.modules if is_own(name)]:
        if not is_own(name, declared=False):
            del sys.modules[name]


def show(modules: Mapping[str, ModuleType], root: Path | None) -> None:
    """Let imports find what the version in `root` declares, of which these modules are loaded.

    None stands for what is installed.
    """
    package = sys.modules[NAME]
    package.__path__ = [*([str(root / NAME)] if root else []), str(folder())]
    for name in DECLARED:
        attribute = name.rpartition(".")[2]
        if name in modules:
            setattr(package, attribute, modules[name])
        else:
            vars(package).pop(attribute, None)
