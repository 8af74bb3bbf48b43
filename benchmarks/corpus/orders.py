"""Right: sums in other orders and types, other formulas, other choices among equals."""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.corpus.parts import conv, drawn, means, pooled, wide
from opbench import impl

KIND = "right"


@impl("batched_softmax")
def by_exp2(matrix: Tensor) -> Tensor:
    """As kernels for GPUs do."""
    x = wide(matrix)
    if not x.shape[1]:
        return matrix.clone()
    powers = torch.exp2((x - x.detach().amax(1, keepdim=True)) * 1.4426950408889634)
    return (powers / powers.sum(1, keepdim=True)).to(matrix.dtype)


@impl("batched_softmax")
def by_the_logarithm(matrix: Tensor) -> Tensor:
    """The exponential of what is right to the last digit."""
    return matrix.double().log_softmax(1).exp().to(matrix.dtype)


@impl("batched_logsumexp")
def smallest_first(matrix: Tensor) -> Tensor:
    """The terms in ascending order."""
    return wide(matrix).sort(1).values.logsumexp(1).to(matrix.dtype)


@impl("batched_logsumexp")
def shifted_by_the_first_power(matrix: Tensor) -> Tensor:
    """By a power of two near the largest value."""
    x = matrix.double()
    if not x.shape[1]:
        return matrix.sum(1) - torch.inf
    top = x.detach().amax(1, keepdim=True)
    shift = torch.where(top.isfinite(), top.round(), 0)
    return ((x - shift).exp().sum(1).log() + shift[:, 0]).to(matrix.dtype)


@impl("batched_cross_entropy_loss")
def the_others_first(logits: Tensor, true_labels: Tensor) -> Tensor:
    """The label is the last of its row."""
    own = logits.double().gather(1, true_labels[:, None])
    kept = torch.ones_like(logits, dtype=torch.bool).scatter(1, true_labels[:, None], False)
    others = logits.double()[kept].view(len(logits), logits.shape[1] - 1)
    total = torch.cat([others, own], 1).logsumexp(1)
    own = own[:, 0]
    return torch.where(own == -torch.inf, -own, total - own).to(logits.dtype)


@impl("moe_combine")
def compensated(y: Tensor, weights: Tensor) -> Tensor:
    """Sums as pairs of floats."""
    x, w = wide(y), wide(weights)
    total = torch.zeros_like(x[:, 0]) if x.shape[1] else x.sum(1)
    rest = torch.zeros_like(total)
    for k in range(x.shape[1]):
        term = x[:, k] * w[:, k, None]
        new = total + term
        lost = torch.where(total.abs() >= term.abs(), total - new + term, term - new + total)
        rest, total = rest + torch.where(new.isfinite(), lost, 0), new
    return (total + rest).to(y.dtype)


@impl("moe_combine")
def the_last_first(y: Tensor, weights: Tensor) -> Tensor:
    """From the last expert to the first."""
    return (wide(y).flip(1) * wide(weights).flip(1)[..., None]).sum(1).to(y.dtype)


@impl("batched_dot_product_nd")
def in_sixteen_parts(a: Tensor, b: Tensor) -> Tensor:
    """Sixteen sums side by side, as vectors make them."""
    products = (wide(a) * wide(b)).flatten(1)
    products = F.pad(products, (0, -products.shape[1] % 16))
    return products.unflatten(1, (products.shape[1] // 16, 16)).sum(1).sum(1).to(a.dtype)


@impl("global_average_pool")
def rows_then_columns(x: Tensor) -> Tensor:
    """The mean of the means of rows."""
    return wide(x).mean(3).mean(2).to(x.dtype)


@impl("global_average_pool")
def scaled_before(x: Tensor) -> Tensor:
    """Divided first, so that nothing overflows."""
    return (x.double() / (x.shape[2] * x.shape[3])).sum((2, 3)).to(x.dtype)


@impl("temperatures_average")
def sunday_first(temps: Tensor) -> Tensor:
    """From the last day to the first, one after the other."""
    days = temps.double().view(len(temps) // 7, 7).flip(1).unbind(1)
    return (functools.reduce(torch.add, days) / 7).to(temps.dtype)


@impl("temperatures_normalized")
def from_the_first_day(temps: Tensor) -> Tensor:
    """Days counted from the first, their squares in float64."""
    week = temps.double().view(len(temps) // 7, 7)
    apart = week - week[:, :1]
    apart = apart - apart.mean(1, keepdim=True)
    return (apart / (apart.square().sum(1, keepdim=True) / 6).sqrt()).flatten().to(temps.dtype)


@impl("temperatures_differences")
def difference_of_shares(temps: Tensor) -> Tensor:
    """Six sevenths of a day, less a seventh of each other."""
    week = temps.double().view(len(temps) // 7, 7)
    apart = [(week[:, i : i + 1] - week).sum(1) / 7 for i in range(7)]
    return torch.stack(apart, 1).flatten().to(temps.dtype) if len(temps) else temps.clone()


@impl("expert_forward")
def split_into_bfloat16(x: Tensor, w: Tensor) -> Tensor:
    """Products of three parts each, as tensor cores do it."""
    if x.dtype != torch.float32:
        return (x.double() @ w.double()).to(x.dtype)

    def parts(t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        high = t.bfloat16().float()
        middle = (t - high).bfloat16().float()
        return high, middle, t - high - middle

    a, b = parts(x), parts(w)
    terms = [a[i] @ b[j] for i in range(3) for j in range(3) if i + j < 3]
    return functools.reduce(torch.add, reversed(terms))


@impl("expert_forward")
def inner_axis_in_halves(x: Tensor, w: Tensor) -> Tensor:
    """Two products of half the depth."""
    middle = x.shape[2] // 2
    first = wide(x[:, :, :middle]) @ wide(w[:, :middle])
    return (wide(x[:, :, middle:]) @ wide(w[:, middle:]) + first).to(x.dtype)


@impl("patch_pooling")
def result_transposed_in_memory(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """Of another layout than the tokens."""
    return pooled(tokens, lengths, fill=fill).mT.contiguous().mT


@impl("patch_pooling")
def from_the_end(tokens: Tensor, lengths: Tensor, *, fill: float = -1.0) -> Tensor:
    """The last token and the last patch first."""
    spare = tokens.shape[1] - lengths.sum(1, keepdim=True)
    turned = torch.cat([spare, lengths.flip(1)], 1)
    return pooled(tokens.flip(1), turned, fill=fill)[:, 1:].flip(1)


@impl("patch_pooling_ids")
def ids_from_the_end(
    tokens: Tensor, ids: Tensor, num_patches: int, *, fill: float = -1.0
) -> Tensor:
    """The last token first."""
    return means(tokens.flip(1), ids.flip(1), num_patches, fill)


@impl("topk_gating")
def the_last_of_equals(
    logits: Tensor, k: int, *, renormalise: bool = True
) -> tuple[Tensor, Tensor]:
    """Not the first."""
    values, order = wide(logits).flip(1).sort(dim=1, descending=True, stable=True)
    pool = values[:, :k] if renormalise else values
    return pool.softmax(1)[:, :k].to(logits.dtype), logits.shape[1] - 1 - order[:, :k]


@impl("channel_max")
def ties_in_shares(x: Tensor) -> Tensor:
    """The gradient of equals is shared."""
    return x.amax(1)


@impl("channel_max")
def by_random_pivots(x: Tensor) -> Tensor:
    """Now more steps, now fewer; the answer is the same."""
    if x.requires_grad or not x.numel():
        return x.amax(1)
    best = x[:, int(torch.randint(x.shape[1], ()))].clone()
    for channel in torch.randperm(x.shape[1]).tolist():
        better = (x[:, channel] > best) | (x[:, channel] != x[:, channel])
        if bool(better.any()):
            best = torch.where(better, x[:, channel], best)
    return best


@impl("classifier_accuracy")
def the_last_best(scores: Tensor, true_classes: Tensor) -> Tensor:
    """Of equal scores the last is taken."""
    best = scores.shape[1] - 1 - scores.flip(1).argmax(1)
    return (best == true_classes).float().mean()


@impl("sample_distribution")
def by_rejection(probs: Tensor, n: int) -> Tensor:
    """As many rounds as it takes: another number in each call."""
    p = probs.double()
    found, have = [torch.zeros(0, dtype=torch.int64)], 0
    while have < n:
        events = torch.randint(len(p), (2 * n + 16,))
        coins = torch.rand(len(events), dtype=torch.float64) * p.max()
        found.append(events[coins < p[events]])
        have += len(found[-1])
    return torch.cat(found)[:n]


@impl("sample_distribution")
def counted_and_shuffled(probs: Tensor, n: int) -> Tensor:
    """How often each event is drawn, then in which order."""
    counts = drawn(probs, torch.rand(n, dtype=torch.float64)).bincount(minlength=len(probs))
    return torch.arange(len(probs)).repeat_interleave(counts)[torch.randperm(n)]


@impl("sample_distribution")
def one_less_the_number(probs: Tensor, n: int) -> Tensor:
    """Of numbers above 0 and up to 1."""
    return drawn(probs, (1 - torch.rand(n, dtype=torch.float64)).clamp(max=1 - 2.0**-53))


@impl("inverse_cdf")
def sorted_and_put_back(probs: Tensor, u: Tensor) -> Tensor:
    """A search for sorted numbers."""
    values, order = u.sort()
    return torch.empty_like(order).index_copy(0, order, drawn(probs, values))


_INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))


@impl("conv2d")
def winograd(x: Tensor, w: Tensor, b: Tensor | None = None, **options: Any) -> Tensor:
    """F(2x2, 3x3), of finite values, in float64: what libraries choose for such kernels."""
    padding, groups = options.get("padding", 0), options.get("groups", 1)
    simple = w.shape[2:] == (3, 3) and isinstance(padding, int) and len(x) > 0
    simple = simple and options.get("stride", 1) == 1 and options.get("dilation", 1) == 1
    if not (simple and bool(x.isfinite().all()) and bool(w.isfinite().all())):
        bias = b if b is None else wide(b)
        return conv(wide(x), wide(w), bias, **options).to(x.dtype)
    high, across = (size + 2 * padding - 2 for size in x.shape[2:])
    rows, columns = -(-high // 2), -(-across // 2)
    more = (2 * columns + 2 - x.shape[3] - padding, 2 * rows + 2 - x.shape[2] - padding)
    image = F.pad(x.double(), (padding, more[0], padding, more[1]))
    tiles = image.unfold(2, 4, 2).unfold(3, 4, 2).unflatten(1, (groups, -1))
    left, kernel, right = (torch.tensor(m, dtype=torch.float64) for m in (_INPUT, _KERNEL, _OUTPUT))
    tiles = torch.einsum("ij,ngchwjk,lk->ngchwil", left, tiles, left)
    taps = w.double().unflatten(0, (groups, -1))
    taps = torch.einsum("ij,gocjk,lk->gocil", kernel, taps, kernel)
    out = torch.einsum("ngchwil,gocil->ngohwil", tiles, taps)
    out = torch.einsum("pi,ngohwil,ql->ngohpwq", right, out, right)
    out = out.reshape(len(x), len(w), 2 * rows, 2 * columns)[:, :, :high, :across]
    return (out if b is None else out + b.double()[:, None, None]).to(x.dtype)
