"""Empty the caches, so that the next call finds its inputs in memory: what `--cache cold` times."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from opbench.harness.machine.device import waiter

#: Times the size of the cache that is swept, so that a cache which keeps some old lines loses them.
SWEEPS = 2
#: Of the last-level cache where the system doesn't tell.
USUAL_BYTES = 64 << 20
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def evictor(device: str) -> Callable[[], None]:
    """A function that empties the last-level cache of the CPU, or the device's L2.

    It writes and reads as many bytes as `SWEEPS` such caches hold, with every thread, so that the
    caches of each core go too.
    """
    elements = SWEEPS * cache_bytes(device) // 4
    ballast = torch.ones(elements, dtype=torch.int32, device=device)
    wait = waiter(device)

    def evict() -> None:
        ballast.add_(1)
        wait()

    return evict


@cache
def cache_bytes(device: str) -> int:
    """Bytes of the last-level cache of the CPU, or of the device's L2."""
    if torch.device(device).type == "cpu":
        sizes = [_size(path.read_text()) for path in _CACHES.glob("index*/size")]
        return max(sizes, default=USUAL_BYTES)
    properties = torch.get_device_module(device).get_device_properties(device)
    return int(getattr(properties, "L2_cache_size", USUAL_BYTES))


def _size(text: str) -> int:
    """Bytes of what the system writes as "48M" or "1280K"."""
    text = text.strip()
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1:] in _UNITS else int(text)
