"""Preparations that compile a contender."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def dynamic(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The compiled function, its code made for any sizes from the start.

    For ops whose sizes change from call to call: code for one size is compiled anew for the next.
    """
    return torch.compile(function, dynamic=True)
