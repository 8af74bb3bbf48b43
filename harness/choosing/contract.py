"""What a choice is made for: the fingerprint of an op's contract."""

from __future__ import annotations

import hashlib

from opbench.harness.declare import Op
from opbench.harness.preparation.resolve import source_of


def contract_fingerprint(op: Op) -> str:
    """A hash of what an op promises: its oracle, what it refuses, and its names.

    Shapes, inputs, dtypes and tolerances are no part of it: they say how it is tried.
    """
    functions = (op.oracle, op.validate, op.consumer)
    parts = [op.name, *op.arguments, *(f"{name}={op.defaults[name]!r}" for name in op.options)]
    parts += [*op.axes, *op.boards, *op.grad]
    parts += [source_of(function) for function in functions if function is not None]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
