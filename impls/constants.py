"""Contenders for tensors that depend on no tensor: six numbers in a shape, and the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange

from opbench import impl

if TYPE_CHECKING:
    from torch import Tensor


@impl("rearrange_1", name="view")
def view_1() -> Tensor:
    """A view of the range."""
    return torch.arange(3, 9).view(3, 2)


@impl("rearrange_1", name="reshape")
def reshape_1() -> Tensor:
    """The range, reshaped."""
    return torch.arange(3, 9).reshape(3, 2)


@impl("rearrange_1", name="einops")
def einops_1() -> Tensor:
    """The range, its axis split by a pattern."""
    return rearrange(torch.arange(3, 9), "(h w) -> h w", h=3)


@impl("rearrange_2", name="view")
def view_2() -> Tensor:
    """A view of the range."""
    return torch.arange(1, 7).view(2, 3)


@impl("rearrange_2", name="reshape")
def reshape_2() -> Tensor:
    """The range, reshaped."""
    return torch.arange(1, 7).reshape(2, 3)


@impl("rearrange_2", name="einops")
def einops_2() -> Tensor:
    """The range, its axis split by a pattern."""
    return rearrange(torch.arange(1, 7), "(h w) -> h w", h=2)


@impl("rearrange_3", name="view")
def view_3() -> Tensor:
    """A view of the range."""
    return torch.arange(1, 7).view(1, 6, 1)


@impl("rearrange_3", name="reshape")
def reshape_3() -> Tensor:
    """The range, reshaped."""
    return torch.arange(1, 7).reshape(1, 6, 1)


@impl("rearrange_3", name="einops")
def einops_3() -> Tensor:
    """The range between two new axes of a pattern."""
    return rearrange(torch.arange(1, 7), "n -> 1 n 1")


@impl("identity_matrix")
def compare(n: int) -> Tensor:
    """Whether the row is the column, as float32."""
    places = torch.arange(n)
    return (places[:, None] == places).float()


@impl("identity_matrix")
def einops(n: int) -> Tensor:
    """As compare, the column made by a pattern."""
    places = torch.arange(n)
    return (rearrange(places, "i -> i 1") == places).float()


@impl("identity_matrix")
def diag(n: int) -> Tensor:
    """The diagonal matrix of ones."""
    return torch.diag(torch.ones(n))


@impl("identity_matrix")
def scatter(n: int) -> Tensor:
    """A one scattered into each row of zeros."""
    return torch.zeros(n, n).scatter_(1, torch.arange(n)[:, None], 1)


@impl("identity_matrix")
def fill_diagonal(n: int) -> Tensor:
    """Zeros, their diagonal filled."""
    # A matrix without rows has no diagonal that it would fill.
    return torch.zeros(n, n).fill_diagonal_(1) if n else torch.zeros(0, 0)


@impl("identity_matrix")
def eye(n: int) -> Tensor:
    """torch.eye."""
    return torch.eye(n)
