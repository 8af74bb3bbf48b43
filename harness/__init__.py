"""opbench: race, check and profile competing implementations of tensor ops.

The names below are the stable surface. They are imported on first use, so that `import harness`
does not import torch.

PYTEST_DONT_REWRITE (opbench is a pytest plugin: without this word pytest warns of a package that it
wanted to rewrite and that was imported before it).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.catalog import Catalog, load
    from harness.checking import check
    from harness.clock import FakeClock
    from harness.declare import Caveat, Cost, Impl, Op, Support, Unavailable, impl, supported
    from harness.pipeline import profile, run
    from harness.planning import Race, Selection, plan, plan_checks
    from harness.policy import Policy
    from harness.process import Limits
    from harness.racing import measure
    from harness.supervisor import Supervisor
    from results.record import Rules

_HOMES = {
    "Catalog": "harness.catalog",
    "Caveat": "harness.declare",
    "Cost": "harness.declare",
    "FakeClock": "harness.clock",
    "Impl": "harness.declare",
    "Limits": "harness.process",
    "Op": "harness.declare",
    "Policy": "harness.policy",
    "Race": "harness.planning",
    "Rules": "results.record",
    "Selection": "harness.planning",
    "Supervisor": "harness.supervisor",
    "Support": "harness.declare",
    "Unavailable": "harness.declare",
    "check": "harness.checking",
    "impl": "harness.declare",
    "load": "harness.catalog",
    "measure": "harness.racing",
    "plan": "harness.planning",
    "plan_checks": "harness.planning",
    "profile": "harness.pipeline",
    "run": "harness.pipeline",
    "supported": "harness.declare",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


__all__ = [
    "Catalog",
    "Caveat",
    "Cost",
    "FakeClock",
    "Impl",
    "Limits",
    "Op",
    "Policy",
    "Race",
    "Rules",
    "Selection",
    "Supervisor",
    "Support",
    "Unavailable",
    "check",
    "impl",
    "load",
    "measure",
    "plan",
    "plan_checks",
    "profile",
    "run",
    "supported",
]
