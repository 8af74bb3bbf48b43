"""Functions of torch.nn.functional and what else models are made of, each declared as users do.

Each is its oracle, torch's own function, and its inputs: the defaults are relied on for the rest.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import randn

from opbench import Cost, Op
from opbench.harness.correctness.reference import build_reference
from opbench.results.records import Case

#: Rows, and columns of each.
N, D = 6, 320
#: How each kind of input changes numbers around 0 of size 1.
KINDS = {
    "normal": lambda x: x,
    "far_from_0": lambda x: x + 30,
    "tiny": lambda x: x * 2**-6,
    "huge": lambda x: x * 16,
}


def shifted_exp(x):
    return (x - x.detach().amax(-1, keepdim=True)).exp()


def softmax(x):
    return shifted_exp(x) / shifted_exp(x).sum(-1, keepdim=True)


def log_softmax(x):
    apart = x - x.detach().amax(-1, keepdim=True)
    return apart - apart.exp().sum(-1, keepdim=True).log()


def layer_norm(x, weight, bias):
    apart = x - x.mean(-1, keepdim=True)
    return apart / (apart.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def rms_norm(x, weight):
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight


def group_norm(x):
    groups = x.unflatten(1, (4, -1))
    apart = groups - groups.mean(-1, keepdim=True)
    return (apart / (apart.square().mean(-1, keepdim=True) + 1e-5).sqrt()).flatten(1)


def attention(q, k, v):
    return torch.stack(
        [softmax(a @ b.T / a.shape[-1] ** 0.5) @ c for a, b, c in zip(q, k, v, strict=True)]
    )


def rotate(x, angles):
    a, b = x.chunk(2, -1)
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)


def cosine_similarity(a, b):
    return (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1)).sqrt()


def smooth_l1(a, b):
    apart = (a - b).abs()
    return torch.where(apart < 1, apart.square() / 2, apart - 0.5).mean()


def kl_div(x, target):
    return (target.exp() * (target - x)).sum() / len(x)


def response_norm(x):
    around = F.pad(x.square(), (0, 0, 2, 2)).unfold(1, 5, 1).mean(-1)
    return x / (1 + 1e-2 * around) ** 0.75


def softplus(x):
    return x.clamp(min=0) + (-x.abs()).exp().log1p()


def stretched(x):
    """Twice as many columns, by linear interpolation."""
    places = ((torch.arange(2 * x.shape[-1], dtype=x.dtype) + 0.5) / 2 - 0.5).clamp(min=0)
    before = places.long()
    after, part = (before + 1).clamp(max=x.shape[-1] - 1), places - before
    return x[..., before] * (1 - part) + x[..., after] * part


def pairs(change, rng):
    return {"a": change(randn(N, D, generator=rng)), "b": change(randn(N, D, generator=rng))}


def rows(change, rng):
    return {"x": change(randn(N, D, generator=rng))}


def rows_and(**shapes):
    """Inputs of rows, which the kind changes, and of others around 0."""
    return lambda change, rng: {
        **rows(change, rng),
        **{name: randn(*shape, generator=rng) for name, shape in shapes.items()},
    }


def heads(change, rng):
    return {name: change(randn(2, 24, 16, generator=rng)) for name in ("q", "k", "v")}


def labelled(change, rng):
    return {**rows(change, rng), "target": torch.randint(D, (N,), generator=rng)}


#: By name: the oracle, torch's own function, the inputs, and the differentiable arguments.
FUNCTIONS = {
    "layer_norm": (
        layer_norm,
        lambda x, weight, bias: F.layer_norm(x, (D,), weight, bias),
        rows_and(weight=(D,), bias=(D,)),
        ("x", "weight", "bias"),
    ),
    "rms_norm": (
        rms_norm,
        lambda x, weight: F.rms_norm(x, (D,), weight, 1e-5),
        rows_and(weight=(D,)),
        ("x", "weight"),
    ),
    "group_norm": (group_norm, lambda x: F.group_norm(x, 4), rows, ("x",)),
    "softmax": (softmax, lambda x: F.softmax(x, -1), rows, ("x",)),
    "log_softmax": (log_softmax, lambda x: F.log_softmax(x, -1), rows, ("x",)),
    "softmin": (lambda x: softmax(-x), lambda x: F.softmin(x, -1), rows, ("x",)),
    "gelu": (lambda x: x / 2 * torch.erfc(-x / 2**0.5), F.gelu, rows, ("x",)),
    "silu": (lambda x: x / (1 + (-x).exp()), F.silu, rows, ("x",)),
    "softplus": (softplus, F.softplus, rows, ("x",)),
    "mish": (lambda x: x * softplus(x).tanh(), F.mish, rows, ("x",)),
    "logsigmoid": (lambda x: -softplus(-x), F.logsigmoid, rows, ("x",)),
    "hardswish": (lambda x: x * (x + 3).clamp(0, 6) / 6, F.hardswish, rows, ("x",)),
    "elu": (lambda x: torch.where(x > 0, x, x.clamp(max=0).expm1()), F.elu, rows, ("x",)),
    "softsign": (lambda x: x / (1 + x.abs()), F.softsign, rows, ("x",)),
    "tanhshrink": (lambda x: x - x.tanh(), F.tanhshrink, rows, ("x",)),
    "glu": (lambda x: x.chunk(2, -1)[0] * x.chunk(2, -1)[1].sigmoid(), F.glu, rows, ("x",)),
    "attention": (attention, F.scaled_dot_product_attention, heads, ("q", "k", "v")),
    "rotate": (
        rotate,
        lambda x, angles: rotate(x, angles),
        rows_and(angles=(N, D // 2)),
        ("x",),
    ),
    "normalize": (lambda x: x / x.square().sum(-1, keepdim=True).sqrt(), F.normalize, rows, ("x",)),
    "cosine_similarity": (
        cosine_similarity,
        lambda a, b: F.cosine_similarity(a, b, -1),
        pairs,
        ("a", "b"),
    ),
    "pairwise_distance": (
        lambda a, b: (a - b + 1e-6).square().sum(-1).sqrt(),
        F.pairwise_distance,
        pairs,
        ("a", "b"),
    ),
    "mse_loss": (lambda a, b: (a - b).square().mean(), F.mse_loss, pairs, ("a", "b")),
    "smooth_l1_loss": (smooth_l1, F.smooth_l1_loss, pairs, ("a", "b")),
    "huber_loss": (smooth_l1, F.huber_loss, pairs, ("a", "b")),
    "kl_div": (
        lambda x, target: kl_div(x, target),
        lambda x, target: F.kl_div(x, target, reduction="batchmean", log_target=True),
        lambda change, rng: {
            name: log_softmax(change(randn(N, D, generator=rng))) for name in ("x", "target")
        },
        ("x",),
    ),
    "cross_entropy": (
        lambda x, target: -log_softmax(x).gather(1, target[:, None]).mean(),
        F.cross_entropy,
        labelled,
        ("x",),
    ),
    "local_response_norm": (
        lambda x: response_norm(x[None])[0],
        lambda x: F.local_response_norm(x[None], 5, 1e-2)[0],
        rows,
        ("x",),
    ),
    "avg_pool1d": (
        lambda x: x.unfold(1, 4, 2).mean(-1),
        lambda x: F.avg_pool1d(x, 4, 2),
        rows,
        ("x",),
    ),
    "linear": (
        lambda x, weight, bias: (x[:, None] * weight).sum(-1) + bias,
        F.linear,
        rows_and(weight=(24, D), bias=(24,)),
        ("x", "weight", "bias"),
    ),
    "bilinear": (
        lambda a, b, weight: torch.einsum("ni,oij,nj->no", a, weight, b),
        F.bilinear,
        lambda change, rng: {
            **{name: t[:, :40] for name, t in pairs(change, rng).items()},
            "weight": randn(8, 40, 40, generator=rng),
        },
        ("a", "b", "weight"),
    ),
    "conv1d": (
        lambda x, weight: torch.einsum("itk,oik->ot", x.unfold(1, 5, 1), weight),
        F.conv1d,
        rows_and(weight=(4, N, 5)),
        ("x", "weight"),
    ),
    "embedding": (
        lambda places, x: torch.stack([x[place] for place in places.tolist()]),
        F.embedding,
        lambda change, rng: {**rows(change, rng), "places": torch.randint(N, (40,), generator=rng)},
        ("x",),
    ),
    "interpolate": (
        lambda x: stretched(stretched(x).T).T,
        lambda x: F.interpolate(x[None, None], scale_factor=2, mode="bilinear")[0, 0],
        rows,
        ("x",),
    ),
}


def declared(name):
    """The op of that name, by the defaults alone."""
    oracle, _, make, grad = FUNCTIONS[name]
    return Op(
        name=name,
        oracle=oracle,
        axes={"N": "rows"},
        inputs={kind: _of_kind(make, change) for kind, change in KINDS.items()},
        quick={"small": {"N": N}},
        dtypes=("float32", "float16", "bfloat16"),
        cost=lambda N: Cost(0, 0),
        grad=grad,
    )


def _of_kind(make, change):
    return lambda N, rng: make(change, rng)


@cache
def reference_of(name, kind, dtype, seed=0):
    """The op's reference on a kind of input."""
    case = Case(op=name, shape="small", axes=(("N", N),), inputs=kind, dtype=dtype, seed=seed)
    return build_reference(declared(name), case)
