"""Inputs of the array exercises: distributions, temperatures, indexes, and awkward ones of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Generator, Tensor

    MakeTemps = Callable[[int, Generator], Tensor]
    MakeProbs = Callable[[int, Generator], Tensor]
    Change = Callable[[Tensor], Tensor]
    Made = Mapping[str, Any]

#: The largest float32 below 1.
LARGEST = 1 - 2.0**-24


def nothing() -> Made:
    """For ops without arguments."""
    return {}


# --- temperatures ----------------------------------------------------------------------------


def _fahrenheit(weeks: int, rng: Generator) -> Tensor:
    return 40 + 50 * torch.rand(weeks, 7, generator=rng)


def _celsius(weeks: int, rng: Generator) -> Tensor:
    return 12 * torch.randn(weeks, 7, generator=rng)


def _constant(weeks: int, rng: Generator) -> Tensor:
    """Every week has one temperature, with all the digits of its type."""
    return (100 * torch.rand(weeks, 1, generator=rng, dtype=torch.float64)).repeat(1, 7)


def _large(weeks: int, rng: Generator) -> Tensor:
    """A week's sum is beyond float16, its days are not."""
    return 2e4 + 4e4 * torch.rand(weeks, 7, generator=rng)


def _kelvin(weeks: int, rng: Generator) -> Tensor:
    """A mean that is large against the deviation, of which bfloat16 keeps nothing."""
    return 290 + 0.5 * torch.randn(weeks, 7, generator=rng)


def _nonfinite(weeks: int, rng: Generator) -> Tensor:
    """Weeks with a NaN, with an infinity, with both infinities, and weeks without."""
    temps = _fahrenheit(weeks, rng)
    for kind, day, value in (
        (0, 2, torch.nan),
        (1, 0, torch.inf),
        (2, 6, -torch.inf),
        (3, 1, torch.inf),
        (3, 5, -torch.inf),
    ):
        temps[kind::6, day] = value
    return temps


def _for_temps(make: MakeTemps) -> Callable[[int, Generator], Made]:
    def inputs(W: int, rng: Generator) -> Made:
        return {"temps": make(W, rng).flatten()}

    return inputs


TEMPERATURES = {
    "normal": _for_temps(_fahrenheit),
    "celsius": _for_temps(_celsius),
    "constant": _for_temps(_constant),
    "large": _for_temps(_large),
    "kelvin": _for_temps(_kelvin),
    "nonfinite": _for_temps(_nonfinite),
}

# --- distributions ---------------------------------------------------------------------------


def _softmax(k: int, rng: Generator) -> Tensor:
    return torch.randn(k, generator=rng, dtype=torch.float64).softmax(0)


def _even(k: int, rng: Generator) -> Tensor:
    return torch.full((k,), 1 / k, dtype=torch.float64)


def _zipf(k: int, rng: Generator) -> Tensor:
    """The n-th most likely event has 1/n of the largest probability; in random order."""
    return _scaled(1 / (torch.randperm(k, generator=rng) + 1))


def _zero_ends(k: int, rng: Generator) -> Tensor:
    """The first and the last third of the events are impossible."""
    weights = torch.rand(k, generator=rng, dtype=torch.float64) + 0.1
    weights[: k // 3] = 0
    weights[k - k // 3 :] = 0
    return _scaled(weights)


def _sparse(k: int, rng: Generator) -> Tensor:
    """About half of the events, anywhere, are impossible."""
    weights = torch.rand(k, generator=rng, dtype=torch.float64) + 0.1
    dropped = torch.rand(k, generator=rng) < 0.5
    dropped[k // 2] = False
    return _scaled(weights.masked_fill(dropped, 0))


def _certain(k: int, rng: Generator) -> Tensor:
    """One event is certain."""
    return torch.zeros(k, dtype=torch.float64).index_fill_(0, torch.tensor(k // 2), 1)


def _crowded(k: int, rng: Generator) -> Tensor:
    """All events but the last share 2^-10."""
    probs = torch.full((k,), 2.0**-10 / max(k - 1, 1), dtype=torch.float64)
    probs[-1] = 1 - probs[:-1].sum()
    return probs


def _dyadic(k: int, rng: Generator) -> Tensor:
    """Multiples of 2^-10, some perhaps 0: their sums are exact, in any order."""
    return torch.randint(k, (1024,), generator=rng).bincount(minlength=k).double() / 1024


def _times(factor: float) -> MakeProbs:
    """A sum that isn't quite 1, with impossible events at both ends."""

    def make(k: int, rng: Generator) -> Tensor:
        return factor * _zero_ends(k, rng)

    return make


def _scaled(weights: Tensor) -> Tensor:
    return weights.double() / weights.double().sum()


def _for_sample(make: MakeProbs) -> Callable[[int, int, Generator], Made]:
    def inputs(K: int, N: int, rng: Generator) -> Made:
        return {"probs": make(K, rng), "n": N}

    return inputs


def _with_extremes(u: Tensor) -> Tensor:
    """A third of the numbers is 0, a third the largest below 1."""
    third = torch.arange(len(u)) % 3
    return torch.where(third == 0, 0.0, torch.where(third == 1, LARGEST, u))


def _in_steps(u: Tensor) -> Tensor:
    """Multiples of 2^-10."""
    return (u * 1024).floor() / 1024


def _half_small(u: Tensor) -> Tensor:
    """Half of the numbers are below 2^-10."""
    return torch.where(torch.arange(len(u)) % 2 == 0, u, u / 1024)


def _for_inverse(
    make: MakeProbs, change: Change | None = None
) -> Callable[[int, int, Generator], Made]:
    def inputs(K: int, N: int, rng: Generator) -> Made:
        probs = make(K, rng)
        # Drawn in float32: rounded to it later, a float64 may become 1.
        u = torch.rand(N, generator=rng)
        return {"probs": probs, "u": change(u) if change else u}

    return inputs


_DISTRIBUTIONS: Mapping[str, MakeProbs] = {
    "normal": _softmax,
    "even": _even,
    "zipf": _zipf,
    "zero_ends": _zero_ends,
    "sparse": _sparse,
    "crowded": _crowded,
    "certain": _certain,
    "sum_short": _times(0.9995),
    "sum_long": _times(1.0005),
}
SAMPLES = {kind: _for_sample(make) for kind, make in _DISTRIBUTIONS.items()}
QUANTILES = {
    **{kind: _for_inverse(make) for kind, make in _DISTRIBUTIONS.items() if kind != "crowded"},
    "crowded": _for_inverse(_crowded, _half_small),
    "zero_ends_extreme": _for_inverse(_zero_ends, _with_extremes),
    "sum_short_extreme": _for_inverse(_times(0.9995), _with_extremes),
    "sum_long_extreme": _for_inverse(_times(1.0005), _with_extremes),
    # u meets the cumulative probabilities exactly.
    "exact": _for_inverse(_dyadic, _in_steps),
}
