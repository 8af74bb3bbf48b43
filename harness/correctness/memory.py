"""Tensors with what lies around them in their storage: copied, compared and filled again."""

from __future__ import annotations

import torch
from torch import Tensor

from opbench.harness.preparation.layouts import FAR_APART, in_mapped_memory, repeated_axes


def clone(tensor: Tensor) -> Tensor:
    """A copy at the same place of a storage of its own, with all that lies around the original."""
    if _is_far(tensor):
        return in_mapped_memory(tensor.detach())
    copy = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    memory = _storage_bytes(tensor).clone().untyped_storage()
    return copy.set_(memory, tensor.storage_offset(), tensor.shape, tensor.stride())


def same_surroundings(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same bytes in and around them; between far rows none is read."""
    if _is_far(one):
        return True
    return torch.equal(_storage_bytes(one), _storage_bytes(other))


def refill(tensor: Tensor, source: Tensor) -> Tensor:
    """The tensor, with the values of another of its shape that repeats along the same axes."""
    repeated = repeated_axes(tensor)
    once = tuple(slice(1) if axis in repeated else slice(None) for axis in range(tensor.ndim))
    tensor[once].copy_(source[once])
    return tensor


def _is_far(tensor: Tensor) -> bool:
    """Whether it lies in memory that is mapped for the layout `far`."""
    return tensor.ndim > 1 and len(tensor) > 1 and tensor.stride(0) == FAR_APART


def _storage_bytes(tensor: Tensor) -> Tensor:
    """The whole storage of a tensor, as bytes."""
    empty = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    return empty.set_(tensor.detach().untyped_storage())
