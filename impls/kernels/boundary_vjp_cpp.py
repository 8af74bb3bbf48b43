"""The gradient of boundaries in C++ on the CPU: a function over `boundary_vjp.cpp`."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

from opbench.impls.kernels import cpp_ops
from opbench.impls.kernels.cpp_ops import Kernel

SOURCE = Path(__file__).with_name("boundary_vjp.cpp")


def boundary_vjp(
    boundaries: Tensor, hidden: Tensor, grad_out: Tensor, *, scale: float = 1.0
) -> Tensor:
    """`scale` times the gradient [B, L] of the boundaries, given that of the groups' means."""
    result: Tensor = _ops().boundary_vjp(boundaries, hidden, grad_out, scale)
    return result


def load_ops(source: Path) -> SimpleNamespace:
    """Compile and load `source`, a version of this module's; its ops."""
    return cpp_ops.load(source, _KERNELS)


@functools.cache
def _ops() -> SimpleNamespace:
    quick: SimpleNamespace = load_ops(SOURCE).quick
    return quick


_KERNELS = {
    "boundary_vjp": Kernel(
        lambda boundaries, hidden, grad_out, scale: torch.empty(
            boundaries.shape, dtype=boundaries.dtype, device=boundaries.device
        )
    ),
}
