"""Flush the caches, so that the next call finds its inputs in memory: what `--cache cold` times.

Writing a buffer twice as large as the last cache replaces its lines with those of the buffer. It
is done before each timed call, and isn't timed itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from opbench.harness.machine.device import waiter

#: Size of the buffer as a multiple of the cache: one that keeps some old lines loses them, too.
_TIMES_CACHE = 2
#: Bytes of the last-level cache where the system doesn't say.
_DEFAULT_BYTES = 64 << 20
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def cache_flush(device: str) -> Callable[[], None]:
    """A function that flushes the last-level cache of the CPU, or the L2 cache of the device.

    It reads and writes a buffer of twice the cache's size, with every thread, so that the caches of
    each core are flushed as well.
    """
    elements = _TIMES_CACHE * cache_bytes(device) // 4
    buffer = torch.ones(elements, dtype=torch.int32, device=device)
    wait = waiter(device)

    def flush() -> None:
        """Write memory that is larger than the caches, and wait for it."""
        buffer.add_(1)
        wait()

    return flush


@cache
def cache_bytes(device: str) -> int:
    """Bytes of the last-level cache of the CPU, or of the device's L2."""
    if torch.device(device).type == "cpu":
        sizes = [_size(path.read_text()) for path in _CACHES.glob("index*/size")]
        return max(sizes, default=_DEFAULT_BYTES)
    properties = torch.get_device_module(device).get_device_properties(device)
    return int(getattr(properties, "L2_cache_size", _DEFAULT_BYTES))


def _size(text: str) -> int:
    """Parse a size as the system writes it, "48M" or "1280K", into bytes."""
    text = text.strip()
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1:] in _UNITS else int(text)
