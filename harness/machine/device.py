"""What the harness asks of a device: that it exists, waiting for it, and memory in use."""

from __future__ import annotations

from collections.abc import Callable

import torch

from opbench.results.errors import UnsupportedError


def ensure_device(device: str) -> None:
    """Raise UnsupportedError where this machine has no such device."""
    wanted = torch.device(device)
    if wanted.type == "cpu":
        return
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None or found.type != wanted.type:
        raise UnsupportedError(f"this machine has no {wanted.type} device")
    if (wanted.index or 0) >= torch.accelerator.device_count():
        raise UnsupportedError(
            f"there is no {device}: {torch.accelerator.device_count()} {wanted.type} devices"
        )


def waiter(device: str) -> Callable[[], None]:
    """A function that returns when `device` is idle; on the CPU there is nothing to wait for."""
    wanted = torch.device(device)
    if wanted.type == "cpu":
        return lambda: None
    return lambda: torch.accelerator.synchronize(wanted)
