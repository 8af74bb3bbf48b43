"""The generators of random numbers, put back as they were."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def same_random_numbers(device: str) -> Iterator[None]:
    """Put the generators back at the end, so that what follows draws what was drawn within.

    Those of torch for the CPU and `device`, of Python and, where it is loaded, of numpy.
    """
    numpy = sys.modules.get("numpy")
    python, numbers = random.getstate(), numpy.random.get_state() if numpy else None
    where = torch.device(device)
    devices = () if where.type == "cpu" else (where.index or 0,)
    try:
        with torch.random.fork_rng(devices, device_type=where.type if devices else "cuda"):
            yield
    finally:
        random.setstate(python)
        if numpy:
            numpy.random.set_state(numbers)
