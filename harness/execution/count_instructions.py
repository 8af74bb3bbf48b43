"""The program that callgrind runs: one call of a contender, with counting on around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from opbench.harness.catalog import load
from opbench.harness.execution.version_calls import BoundCall, bind
from opbench.harness.preparation.inputs import build
from opbench.results.records import codec


def main(argv: Sequence[str]) -> None:
    """Call a contender once with counting on; the answer was checked elsewhere.

    argv: the case as a record, the contender's name, and the modules to load, a line each. Raises
    RuntimeError where the contender can't be called.
    """
    case, name, modules = codec.loads(argv[0]), argv[1], argv[2].split("\n")
    catalog = load(*(module for module in modules if module))
    torch.set_num_threads(1)
    op = catalog.op(case.op)
    bound = bind((op, build(op, case)), catalog.impl(case.op, name), case)
    if not isinstance(bound, BoundCall):
        raise RuntimeError(getattr(bound, "reason", "it can't be called"))
    bound.call()
    # What torch.utils.benchmark counts with.
    binding: Any = torch._C
    binding._valgrind_toggle()
    bound.call()
    binding._valgrind_toggle_and_dump_stats()
