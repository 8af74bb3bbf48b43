"""Global (process-wide) state of torch and Python, read and restored.

A contender that leaves some of it changed taints the results of all that come after it. Much of it
belongs to a thread: read and restore in the thread that the contenders run in.

Left out, because it cannot be read soundly or may rightly change:

- The states of random generators: a contender may draw numbers.
- `warnings.filters`, `sys.modules`, threads: libraries add to them at first use. Taking that back
  would undo their work, and naming it would accuse the first to cause it.
- The umask (to read it is to set it), signal handlers, locales: they change no timing.
- The accelerator's current device and stream: asking for them initialises it.
- What other threads hold. The flushing of denormals, above all, is each thread's own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from opbench.harness.execution.state_items import StateItem, state_items

#: Set by torch's compilers for themselves at first use: no contender's fault, and shared by all.
COMPILERS_OWN = (
    "KMP_DUPLICATE_LIB_OK",
    "TORCHINDUCTOR_CACHE_DIR",
    "TORCH_WARM_POOL",
    "TRITON_CACHE_DIR",
    "TRITON_LIBDEVICE_PATH",
    "TRITON_PTXAS_PATH",
    "_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR",
)
#: torch.compile raises Python's recursion limit to this for good.
_COMPILERS_RECURSION = 2000


@dataclass(frozen=True, slots=True)
class GlobalState:
    """Global state at one moment."""

    #: By the names of the items.
    values: Mapping[str, Any]
    #: The environment variables.
    environment: Mapping[str, str]


def quick() -> tuple[object, ...]:
    """The state that is cheap enough to compare after every block: about half a microsecond."""
    return (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.are_deterministic_algorithms_enabled(),
    )


def read() -> GlobalState:
    """The state of this process and thread as it is now."""
    environment = {n: value for n, value in os.environ.items() if n not in COMPILERS_OWN}
    return GlobalState({item.name: item.read() for item in state_items()}, environment)


def restore(before: GlobalState) -> tuple[str, ...]:
    """Restore the state to `before`, and return the changes in words."""
    now = read()
    was = before.values
    changed = [
        item for item in state_items() if _differs(item, was[item.name], now.values[item.name])
    ]
    if any(item.read is torch.is_inference_mode_enabled for item in changed):
        # One that was never left puts back what it had found when it is collected: now, and not
        # while another contender runs.
        gc.collect()
    if changed:
        _restore_items(was)
    changes = [_describe(item, was[item.name], now.values[item.name]) for item in changed]
    variables = tuple(_differing(before.environment, now.environment))
    _restore_variables(variables, before.environment)
    # Not their values: they may be secrets.
    return (*changes, *(f"the environment variable {name}" for name in variables))


def _restore_items(was: Mapping[str, object]) -> None:
    """Restore the values, each read again: one may move another (inference and grad mode)."""
    for item in state_items():
        if _differs(item, was[item.name], item.read()):
            with contextlib.suppress(RuntimeError, OSError, ValueError):
                item.write(was[item.name])


def _restore_variables(names: Iterable[str], environment: Mapping[str, str]) -> None:
    """Restore environment variables to an environment, which may lack some."""
    for name in names:
        if name in environment:
            os.environ[name] = environment[name]
        else:
            del os.environ[name]


def _describe(item: StateItem, before: Any, now: Any) -> str:
    """A change in words, and whether it could be undone."""
    if isinstance(before, dict):
        parts = (f"{name} {before[name]} -> {now[name]}" for name in _differing(before, now))
        change = ", ".join(parts)
    else:
        change = f"{item.show(before)} -> {item.show(now)}"
    stays = _differs(item, before, item.read())
    return f"{item.name} ({change})" + (", which could not be put back" if stays else "")


def _differs(item: StateItem, before: Any, now: Any) -> bool:
    """Whether a value has changed, other than by torch's compilers."""
    if item.read is sys.getrecursionlimit and before < now == _COMPILERS_RECURSION:
        return False
    return bool(before != now)


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The sorted names whose values differ, or that only one of them has."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
