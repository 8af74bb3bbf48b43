"""Wrong ways to route tokens through experts, and a right one that is composed."""

import torch

from opbench import chain, impl


def gated(logits, k, renormalise):
    values, experts = logits.topk(k, 1)
    return (values.softmax(1) if renormalise else logits.softmax(1).gather(1, experts)), experts


def routed(x, logits, w, k, renormalise):
    weights, experts = gated(logits, k, renormalise)
    results = torch.einsum("td,tkdf->tkf", x, w[experts])
    return results, weights


@impl("moe_forward", name="wrong_weights_of_all")
def weights_of_all(x, logits, w, k, *, renormalise=True):
    results, weights = routed(x, logits, w, k, False)
    return (results * weights[..., None]).sum(1)


@impl("moe_forward", name="wrong_first_choice_alone")
def first_choice_alone(x, logits, w, k, *, renormalise=True):
    results, _ = routed(x, logits, w, 1, True)
    return results[:, 0]


@impl("moe_forward", name="wrong_without_empty_experts")
def without_empty_experts(x, logits, w, k, *, renormalise=True):
    weights, experts = gated(logits, k, renormalise)
    order = experts.flatten().argsort(stable=True)
    loads = experts.flatten().unique(return_counts=True)[1].tolist()
    parts = zip(x[order // k].split(loads), w, strict=False)  # the busy ones get the first matrices
    rows = torch.cat([part @ matrix for part, matrix in parts])
    return x.new_zeros(len(x), w.shape[2]).index_add(
        0, order // k, rows * weights.flatten()[order, None]
    )


@impl("moe_forward", name="wrong_gates_detached")
def gates_detached(x, logits, w, k, *, renormalise=True):
    results, weights = routed(x, logits, w, k, renormalise)
    return (results * weights.detach()[..., None]).sum(1)


@chain(
    "moe_forward",
    {
        "topk_gating": ("sort",),
        "expert_batching_ragged": ("loop",),
        "grouped_matmul": ("padded",),
        "moe_combine_sorted": ("scatter_add",),
    },
)
def by_an_own_sort(gating, batching, experts, combine, x, logits, w, k, *, renormalise=True):
    weights, chosen = gating(logits, k, renormalise=renormalise)
    rows, offsets = batching(x.repeat_interleave(k, 0).view(len(x), k, x.shape[1]), chosen, len(w))
    order = chosen.flatten().sort(stable=True).indices
    return combine(experts(rows, offsets, w), order // k, weights.flatten()[order], len(x))


@chain(
    "patch_merging_linear",
    {"patch_merging": ("permute",), "linear": ("turned",)},
)
def wrong_order(merging, linear, x, weight, *, order="row"):
    merged = merging(x)
    return linear(merged.flatten(0, 2), weight).unflatten(0, merged.shape[:3])


@chain(
    "window_attention_scores",
    {"sliding_windows": ("rearrange",), "attention_scores": ("einops",)},
)
def wrong_turned(windows, products, q, k, window, step):
    scores = products(windows(k, window, step), windows(q, window, step))
    return scores.view(len(q), -1 if len(q) else (q.shape[1] - window) // step + 1, window, window)
