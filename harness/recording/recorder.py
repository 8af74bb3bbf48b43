"""A recorder: functions that are calls of ops, counted wherever a program names them.

Counted are functions that carry the tag of a contender, and what runs for one (its target), by the
names that they have in any module; those that are tagged or imported later as well; what a
dispatcher runs, and what `Catalog.call` does; and functions of torch that ops name, by torch's own
names and those of modules that imported them. At the end every name is put back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch

from opbench.harness.declaration.observed import CONTENDER, DISPATCHERS, HOOKS, original
from opbench.harness.recording.counting import Calls
from opbench.harness.recording.facts import CallFacts
from opbench.harness.recording.later import LaterImports
from opbench.harness.recording.names import Names, names_of_modules, tagged_functions
from opbench.harness.recording.recognised import Recognised

_Function = Callable[..., Any]


@dataclass(slots=True)
class Recorder:
    """Counts the calls of ops from `begin` to `end`."""

    recognised: Recognised
    _calls: Calls = field(default_factory=Calls)
    _names: Names = field(default_factory=Names)
    #: By how it is called, its op where that isn't known by the function, and the function: the ops
    #: that it may be of, and the function that counts.
    _made: dict[tuple[str, str, int], tuple[list[str], _Function]] = field(default_factory=dict)
    _later: LaterImports | None = None
    _compiled: int = 0

    def begin(self) -> None:
        """Count from now on."""
        self._compiled = _compiled_graphs()
        found = self._of_torch() | self._of_contenders()
        for names in names_of_modules():
            for name, value in tuple(names.items()):
                if id(value) in found:
                    self._names.replace(names, name, found[id(value)])
        for dispatcher, op in tuple(DISPATCHERS.items()):
            for name, value in tuple(dispatcher.__globals__.items()):
                if name.startswith(CONTENDER):
                    dispatcher.__globals__[name] = self.counted("dispatch", op, value)
        HOOKS.append(self.counted)
        homes = {target.partition(":")[0] for target in self.recognised.targets}
        self._later = LaterImports(homes - set(sys.modules), self._imported)
        self._later.begin()

    def end(self) -> None:
        """Count no more, and leave everything as it was."""
        self._calls.stop()
        if self._later is not None:
            self._later.end()
        if self.counted in HOOKS:
            HOOKS.remove(self.counted)
        self._names.restore()
        for dispatcher in tuple(DISPATCHERS):
            for name, value in tuple(dispatcher.__globals__.items()):
                if name.startswith(CONTENDER):
                    dispatcher.__globals__[name] = original(value)

    def facts(self) -> tuple[CallFacts, ...]:
        """The calls, those that are alike together."""
        return tuple(self._calls.facts())

    def compiled_graphs(self) -> int:
        """How many graphs torch.compile made meanwhile: what they call isn't counted."""
        return _compiled_graphs() - self._compiled

    def counted(self, how: str, op: str, function: _Function) -> _Function:
        """The function that counts the calls of one, which may be of several ops."""
        function = original(function)
        key = (how, "" if how == "contender" else op, id(function))
        if key not in self._made:
            ops: list[str] = []
            self._made[key] = (ops, self._calls.counted(how, ops, function))
        ops, made = self._made[key]
        if op not in ops:
            ops.append(op)
        return made

    def _of_torch(self) -> dict[int, _Function]:
        """By the identity of torch's functions, those that count; their own names are replaced."""
        found: dict[int, _Function] = {}
        for path, ops in self.recognised.torch_functions.items():
            owner, _, name = f"torch.{path}".rpartition(".")
            holder = _value(owner)
            function = getattr(holder, name, None)
            if not callable(function) or not isinstance(holder, ModuleType | type):
                continue
            if id(function) not in found:
                found[id(function)] = self._calls.counted(path, list(ops), function)
            names = vars(holder) if isinstance(holder, ModuleType) else holder
            assert isinstance(names, dict | type)
            self._names.replace(names, name, found[id(function)])
        return found

    def _of_contenders(self) -> dict[int, _Function]:
        """By the identity of contenders' functions, those that count."""
        found = {}
        for function in tagged_functions():
            # What composes others is called with them before its arguments.
            for tag in (t for t in function.__dict__["__opbench__"] if not t.made_of):
                found[id(function)] = self.counted("contender", tag.op, function)
        for target, op in self.recognised.targets.items():
            home, _, name = target.partition(":")
            held = vars(sys.modules[home]).get(name) if home in sys.modules else None
            if callable(held):
                found[id(held)] = self.counted("contender", op, held)
        return found

    def _imported(self, module: ModuleType) -> None:
        """Count what a module holds that was imported later."""
        for target, op in self.recognised.targets.items():
            home, _, name = target.partition(":")
            if home == module.__name__ and callable(function := vars(module).get(name)):
                self._names.replace(vars(module), name, self.counted("contender", op, function))


def _value(path: str) -> Any:
    """What a dotted name below torch stands for; None where there is nothing."""
    value: Any = torch
    for name in path.split(".")[1:]:
        value = getattr(value, name, None)
    return value


def _compiled_graphs() -> int:
    """How many graphs torch.compile has made in this process."""
    utils = sys.modules.get("torch._dynamo.utils")
    return int(utils.counters["stats"]["unique_graphs"]) if utils is not None else 0
