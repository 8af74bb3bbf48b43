"""Contenders for chains that are composed of contenders of their parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opbench import chain

if TYPE_CHECKING:
    from torch import Tensor

    #: A contender of a part.
    Part = Callable[..., Any]


@chain(
    "patch_merging_linear",
    {
        "patch_merging": ("slices_cat", "slices_copied", "rearrange", "permute"),
        "linear": ("linear", "copied", "einsum"),
    },
)
def merged_then_linear(
    merging: Part, linear: Part, x: Tensor, weight: Tensor, *, order: str = "row"
) -> Tensor:
    """Patches merged by one contender, and multiplied by another."""
    merged = merging(x, order=order)
    result: Tensor = linear(merged.flatten(0, 2), weight)
    return result.view(*merged.shape[:3], len(weight))


@chain(
    "window_attention_scores",
    {
        "sliding_windows": ("unfold", "as_strided", "gather", "index_select"),
        "attention_scores": ("bmm", "einsum", "loop"),
    },
)
def windows_then_scores(
    windows: Part, products: Part, q: Tensor, k: Tensor, window: int, step: int
) -> Tensor:
    """Windows of queries and keys by one contender, multiplied by another."""
    scores: Tensor = products(windows(q, window, step), windows(k, window, step))
    return scores.view(len(q), (q.shape[1] - window) // step + 1, window, window)


@chain(
    "moe_forward",
    {
        "topk_gating": ("topk", "cpp"),
        "expert_batching_ragged": ("index_select", "cpp"),
        "grouped_matmul": ("loop", "padded"),
        "moe_combine_sorted": ("index_add", "cpp"),
    },
)
def routed(
    gating: Part,
    batching: Part,
    experts: Part,
    combine: Part,
    x: Tensor,
    logits: Tensor,
    w: Tensor,
    k: int,
    *,
    renormalise: bool = True,
) -> Tensor:
    """Gated, sent to the experts, multiplied and brought back, each by a contender of its own."""
    weights, chosen = gating(logits, k, renormalise=renormalise)
    # Batching takes a row for each choice, and doesn't say where it has put it.
    rows, offsets = batching(x.unsqueeze(1).expand(-1, k, -1), chosen, len(w))
    order = chosen.flatten().argsort(stable=True)
    results = experts(rows, offsets, w)
    total: Tensor = combine(results, order // k, weights.flatten()[order], len(x))
    return total
