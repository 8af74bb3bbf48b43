"""What a recorder recognises, of a catalogue: plain values, which another process can be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.declare import Op

#: Of the arguments of a function of torch: those of an op by name, or None.
Bind = Callable[..., Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Recognised:
    """The functions that are calls of ops, besides those that carry the tag of a contender."""

    #: By name below `torch`, the ops that a function of torch's may be.
    torch_functions: Mapping[str, tuple[str, ...]]
    #: By "module:attribute" of what runs for a contender, its op.
    targets: Mapping[str, str]


def recognised(catalog: Catalog) -> Recognised:
    """What is recognised as a call of the ops of a catalogue."""
    functions: dict[str, tuple[str, ...]] = {}
    for op in catalog.ops.values():
        for name in bindings(op):
            functions[name] = (*functions.get(name, ()), op.name)
    contenders = (contender for impls in catalog.impls.values() for contender in impls.values())
    targets = {c.target: c.op for c in contenders if c.target is not None}
    return Recognised(functions, targets)


def bindings(op: Op) -> dict[str, Bind | None]:
    """By name below `torch`, the functions that an op is; None for one of the same arguments."""
    named = {op.samples.function: op.samples.bind} if op.samples is not None else {}
    return {**named, **op.torch_functions}
