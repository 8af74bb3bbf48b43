"""The corpus as entries, and as a catalogue of the ops that it is about."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType

import opbench
from opbench.harness.declare import Impl

#: Of wrong contenders. A module has the kind of what is in it, KINDS of what is of another.
WRONG = (
    "values",
    "sizes",
    "layouts",
    "backward",
    "arguments",
    "kept",
    "training",
    "memory",
    "options",
    "halves",
    "integers",
    "sampling",
    "special",
    "mutations",
)
#: Those that were written last are last.
HELD_OUT = ("held_out", "held_out_last")
RIGHT = ("orders", "shapes_of_work")


@dataclass(frozen=True, slots=True)
class Entry:
    """A contender of the corpus."""

    #: As it was tagged.
    contender: Impl
    #: Of the fault: "layout". Right ones are of the kind "right".
    kind: str
    #: Whether it is kept from those who improve the check.
    held_out: bool = False

    @property
    def op(self) -> str:
        """The name of its op."""
        return self.contender.op

    @property
    def name(self) -> str:
        """Its own."""
        return self.contender.name

    @property
    def key(self) -> tuple[str, str]:
        """Both names."""
        return self.op, self.name

    @property
    def right(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.kind == "right"


def corpus() -> tuple[Entry, ...]:
    """All entries, by module. Raises ValueError where two have the same name."""
    entries = [
        *(e for name in WRONG for e in _entries(_module(name))),
        *(e for name in HELD_OUT for e in _entries(_module(name), held_out=True)),
        *(e for name in RIGHT for e in _entries(_module(name))),
    ]
    keys = [entry.key for entry in entries]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"twice in the corpus: {sorted(twice)}")
    return tuple(entries)


def catalog_of(entries: Iterable[Entry]) -> opbench.Catalog:
    """The installed ops, with these contenders alone."""
    installed = opbench.load()
    impls: dict[str, dict[str, Impl]] = {name: {} for name in installed.ops}
    for entry in entries:
        impls[entry.op][entry.name] = entry.contender
    return opbench.Catalog(installed.ops, impls, installed.suites)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.corpus.{name}")


def _entries(module: ModuleType, *, held_out: bool = False) -> Iterator[Entry]:
    """The entries of a module: its own functions, and those in CONTENDERS."""
    kinds: dict[str, str] = getattr(module, "KINDS", {})
    functions = [
        value
        for value in (*vars(module).values(), *getattr(module, "CONTENDERS", ()))
        if callable(value) and getattr(value, "__module__", "") not in ("torch", "builtins")
    ]
    for function in {id(function): function for function in functions}.values():
        if getattr(function, "__module__", "").startswith("opbench."):
            continue
        for contender in getattr(function, "__dict__", {}).get("__opbench__", ()):
            kind = kinds.get(contender.name, getattr(module, "KIND", ""))
            yield Entry(contender, kind, held_out)
