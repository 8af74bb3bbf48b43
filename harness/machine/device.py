"""Devices: whether one exists, and waiting for it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from opbench.results.errors import UnsupportedError


def ensure_device(device: str) -> None:
    """Raise UnsupportedError where this machine has no such device."""
    requested = torch.device(device)
    if requested.type == "cpu":
        return
    available = torch.accelerator.current_accelerator(check_available=True)
    if available is None or available.type != requested.type:
        raise UnsupportedError(f"this machine has no {requested.type} device")
    if (requested.index or 0) >= torch.accelerator.device_count():
        raise UnsupportedError(
            f"there is no {device}: {torch.accelerator.device_count()} {requested.type} devices"
        )


def waiter(device: str) -> Callable[[], None]:
    """A function that returns when `device` is idle; on the CPU there is nothing to wait for."""
    target = torch.device(device)
    if target.type == "cpu":
        return lambda: None
    return lambda: torch.accelerator.synchronize(target)
