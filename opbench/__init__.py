"""Race, check and profile competing implementations of tensor ops.

    from opbench import Cost, Op, impl

The names below are the stable surface. They are imported on first use, so that `import opbench`
does not import torch.

PYTEST_DONT_REWRITE (opbench is a pytest plugin: without this word pytest warns of a package that it
wanted to rewrite and that was imported before it).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog, load
    from opbench.harness.choosing.dispatch import Dispatcher, DispatchWarning, dispatch
    from opbench.harness.declaration.samples import Samples
    from opbench.harness.declaration.support import (
        Support,
        cpu,
        cuda,
        floating,
        forward_only,
        interprets_triton,
        supported,
        triton_device,
    )
    from opbench.harness.declare import Caveat, Cost, Impl, Op, Shape, Unavailable, chain, impl
    from opbench.harness.execution.process import Limits
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.check import check
    from opbench.harness.pipeline.profile import profile
    from opbench.harness.pipeline.run import run
    from opbench.harness.planning.cases import plan, plan_checks
    from opbench.harness.planning.selection import Race, Selection
    from opbench.harness.recording.record import RecordedCalls, RecordingWarning, record_shapes
    from opbench.harness.timing.clock import FakeClock
    from opbench.harness.timing.interleaving import measure
    from opbench.harness.timing.stopping import Policy
    from opbench.results.records import Rules

_HOMES = {
    "Catalog": "opbench.harness.catalog",
    "Caveat": "opbench.harness.declare",
    "Cost": "opbench.harness.declare",
    "DispatchWarning": "opbench.harness.choosing.dispatch",
    "Dispatcher": "opbench.harness.choosing.dispatch",
    "FakeClock": "opbench.harness.timing.clock",
    "Impl": "opbench.harness.declare",
    "Limits": "opbench.harness.execution.process",
    "Op": "opbench.harness.declare",
    "Policy": "opbench.harness.timing.stopping",
    "Race": "opbench.harness.planning.selection",
    "RecordedCalls": "opbench.harness.recording.record",
    "RecordingWarning": "opbench.harness.recording.record",
    "Rules": "opbench.results.records",
    "Samples": "opbench.harness.declaration.samples",
    "Selection": "opbench.harness.planning.selection",
    "Shape": "opbench.harness.declare",
    "Supervisor": "opbench.harness.execution.supervisor",
    "Support": "opbench.harness.declaration.support",
    "Unavailable": "opbench.harness.declare",
    "chain": "opbench.harness.declare",
    "check": "opbench.harness.pipeline.check",
    "cpu": "opbench.harness.declaration.support",
    "cuda": "opbench.harness.declaration.support",
    "floating": "opbench.harness.declaration.support",
    "dispatch": "opbench.harness.choosing.dispatch",
    "forward_only": "opbench.harness.declaration.support",
    "impl": "opbench.harness.declare",
    "interprets_triton": "opbench.harness.declaration.support",
    "load": "opbench.harness.catalog",
    "measure": "opbench.harness.timing.interleaving",
    "plan": "opbench.harness.planning.cases",
    "plan_checks": "opbench.harness.planning.cases",
    "profile": "opbench.harness.pipeline.profile",
    "record_shapes": "opbench.harness.recording.record",
    "run": "opbench.harness.pipeline.run",
    "supported": "opbench.harness.declaration.support",
    "triton_device": "opbench.harness.declaration.support",
}


if not TYPE_CHECKING:  # a type checker would believe that every name is there

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'opbench' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


__all__ = [
    "Catalog",
    "Caveat",
    "Cost",
    "DispatchWarning",
    "Dispatcher",
    "FakeClock",
    "Impl",
    "Limits",
    "Op",
    "Policy",
    "Race",
    "RecordedCalls",
    "RecordingWarning",
    "Rules",
    "Samples",
    "Selection",
    "Shape",
    "Supervisor",
    "Support",
    "Unavailable",
    "chain",
    "check",
    "cpu",
    "cuda",
    "dispatch",
    "floating",
    "forward_only",
    "impl",
    "interprets_triton",
    "load",
    "measure",
    "plan",
    "plan_checks",
    "profile",
    "record_shapes",
    "run",
    "supported",
    "triton_device",
]
