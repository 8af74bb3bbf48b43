"""What faulty contenders are made of: right functions, and gradients of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)
#: Any contender.
Fn = Callable[..., Any]


def wide(x: Tensor) -> Tensor:
    """Half precision as float32."""
    return x.float() if x.dtype in HALF else x


def dense(shape: torch.Size) -> tuple[int, ...]:
    """The strides of a contiguous tensor of that shape."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def packed(x: Tensor) -> Tensor:
    """As a kernel reads that is given a pointer, and takes the elements to lie side by side."""
    return x.as_strided(x.shape, dense(x.shape))


def from_start(x: Tensor) -> Tensor:
    """As a kernel reads that is given the storage, and forgets where the view begins in it."""
    return x.as_strided(x.shape, x.stride(), 0)


def with_gradient(forward: Fn, backward: Fn) -> Fn:
    """A function with a gradient of its own: backward(upstream, *arguments) -> gradients."""

    class Own(torch.autograd.Function):
        """The function, as autograd takes it."""

        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            """Keep the arguments, in their own memory."""
            ctx.args = tuple(a.detach() if isinstance(a, Tensor) else a for a in args)
            return forward(*ctx.args)

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> Any:
            """One gradient for each argument."""
            return backward(*upstream, *ctx.args)

    return lambda *args: Own.apply(*args)


def gradients(function: Fn, upstream: Tensor, *args: Any) -> tuple[Tensor | None, ...]:
    """The right gradients, None for what is not of a floating-point type."""
    with torch.enable_grad():
        given = [
            a.detach().clone().requires_grad_()
            if isinstance(a, Tensor) and a.is_floating_point()
            else a
            for a in args
        ]
        leaves = [a for a in given if isinstance(a, Tensor) and a.requires_grad]
        out = function(*given)
        found = iter(torch.autograd.grad(out, leaves, upstream, materialize_grads=True))
    return tuple(next(found) if isinstance(a, Tensor) and a.requires_grad else None for a in given)


def backward_of(function: Fn, change: Callable[[Tensor], Tensor]) -> Fn:
    """The function, whose backward pass sees a changed upstream gradient."""
    return with_gradient(
        function, lambda upstream, *args: gradients(function, change(upstream), *args)
    )


# --- right functions --------------------------------------------------------------------------


def losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of each row."""
    x = wide(logits)
    own = x.gather(1, labels[:, None])[:, 0]
    total = torch.where(own == -torch.inf, torch.inf, x.logsumexp(1) - own)
    return total.to(logits.dtype)


def combine(y: Tensor, weights: Tensor) -> Tensor:
    """The weighted sums of each token's results."""
    return (wide(y) * wide(weights)[..., None]).sum(1).to(y.dtype)


def dots(a: Tensor, b: Tensor) -> Tensor:
    """The dot product of each example."""
    return (wide(a) * wide(b)).flatten(1).sum(1).to(a.dtype)


def rows(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Rows by their indexes, with gradients added in float32 at least."""
    return (matrix.float() if matrix.dtype in HALF else matrix)[indexes].to(matrix.dtype)


def conv(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    """A convolution, of half precision in float32."""
    return F.conv2d(wide(x), wide(w), None if b is None else wide(b), **options).to(x.dtype)


def unfold(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    """Windows as columns, with gradients added in float64."""
    return F.unfold(x.double(), kernel_size, **{"stride": 1, **options}).to(x.dtype)


def windows(x: Tensor, window: int, step: int) -> Tensor:
    """Windows of a sequence, with gradients added in float32 at least."""
    seen = wide(x).unfold(1, window, step).mT.flatten(0, 1)
    return seen.to(x.dtype).clone(memory_format=torch.contiguous_format)


def columns_of(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Columns by their indexes, with gradients added in float32 at least."""
    return wide(matrix)[:, indexes].to(matrix.dtype)


def ids_of(lengths: Tensor, size: int) -> Tensor:
    """The patch of each token; the number of patches for those past the last."""
    ends = lengths.long().cumsum(1)
    places = torch.arange(size).expand(len(lengths), size).contiguous()
    return torch.searchsorted(ends, places, right=True)


def means(tokens: Tensor, ids: Tensor, patches: int, fill: float) -> Tensor:
    """The mean of the tokens of each patch; those with another id are dropped."""
    x = tokens.double()
    batch, size, width = x.shape
    outside = (ids < 0) | (ids >= patches)
    index = torch.where(outside, patches, ids.long()) + (patches + 1) * torch.arange(batch)[:, None]
    flat = x.reshape(batch * size, width)
    sums = x.new_zeros(batch * (patches + 1), width).index_add(0, index.flatten(), flat)
    counts = torch.bincount(index.flatten(), minlength=batch * (patches + 1))
    shape = (batch, patches + 1)
    counts = counts.view(*shape, 1)[:, :patches]
    out = sums.view(*shape, width)[:, :patches] / counts.clamp(min=1)
    return out.masked_fill(counts == 0, fill).to(tokens.dtype)


def pooled(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """The mean of each patch, by lengths."""
    return means(tokens, ids_of(lengths, tokens.shape[1]), lengths.shape[1], fill)


def gates(logits: Tensor, k: int, *, renormalise: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest logits of each token, as weights."""
    x = wide(logits)
    best, index = x.topk(k, -1)
    weights = best.softmax(-1) if renormalise else x.softmax(-1).gather(1, index)
    return weights.to(logits.dtype), index


def ragged(x: Tensor, expert_ids: Tensor, num_experts: int) -> tuple[Tensor, Tensor]:
    """The tokens of each expert one after the other, and where each begins."""
    ids = expert_ids.flatten().long()
    loads = torch.bincount(ids, minlength=num_experts).cumsum(0)
    offsets = torch.cat([loads.new_zeros(1), loads])
    return x.flatten(0, 1)[ids.argsort(stable=True)], offsets


def shares(probs: Tensor) -> Tensor:
    """Running sums of the probabilities, infinite from the last possible event on."""
    sums = probs.double().cumsum(0)
    return torch.where(sums < sums[-1], sums, torch.inf)


def drawn(probs: Tensor, u: Tensor) -> Tensor:
    """The events that numbers of 0 to 1 stand for."""
    return torch.searchsorted(shares(probs), u.double().contiguous(), right=True)
