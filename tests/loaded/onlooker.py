"""A contender that tells when others have changed the process that it runs in.

To be loaded before those others, so that in each process it looks before any of them has begun.
"""

import threading

import psutil
import torch

from opbench.harness.declare import impl

#: Bytes that a process may come to use while it works; who hoards takes twice as many.
ROOM = 1 << 29
FIRST = []


def look():
    """What everybody in this process shares, and how many bytes it uses."""
    shared = {
        "threads of torch": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads of Python": threading.active_count(),
    }
    return shared, psutil.Process().memory_info().rss


@impl("row_sum")
def looks_on(x):
    """Raises what differs from what it found at first."""
    shared, used = look()
    if not FIRST:
        FIRST.append((shared, used))
    ((before, begun),) = FIRST
    changed = [f"{name}: {shared[name]}" for name in shared if shared[name] != before[name]]
    if used > begun + ROOM:
        changed.append(f"memory: {used - begun} bytes")
    assert not changed, ", ".join(changed)
    return x.sum(1)
