"""The contracts of the array exercises: oracles, and how exact an answer can be."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import torch

from opbench.suites import draws

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

#: Days in a week.
DAYS = 7

# --- constants -------------------------------------------------------------------------------


def rearrange_1() -> Tensor:
    """The numbers 3 to 8 in three rows: int64 [3, 2]."""
    return torch.tensor([[3, 4], [5, 6], [7, 8]])


def rearrange_2() -> Tensor:
    """The numbers 1 to 6 in two rows: int64 [2, 3]."""
    return torch.tensor([[1, 2, 3], [4, 5, 6]])


def rearrange_3() -> Tensor:
    """The numbers 1 to 6, each a row of its own: int64 [1, 6, 1]."""
    return torch.tensor([[[1], [2], [3], [4], [5], [6]]])


def identity_matrix(n: int) -> Tensor:
    """Ones on the diagonal, zeros elsewhere: n -> float32 [n, n]. n = 0 gives [0, 0]."""
    result = torch.zeros(n, n)
    for place in range(n):
        result[place, place] = 1
    return result


# --- temperatures ----------------------------------------------------------------------------


def temperatures_average(temps: Tensor) -> Tensor:
    """The mean of each week: temps[7 W] -> [W].

    What is not finite stays in its own week.
    """
    return _each_week(temps, lambda week: week.mean(1))


def temperatures_differences(temps: Tensor) -> Tensor:
    """Each day less the mean of its week: temps[7 W] -> [7 W].

    What is not finite stays in its own week. Half precision is subtracted in float32.
    """
    return _each_week(temps, lambda week: week - week.mean(1, keepdim=True)).flatten()


def temperatures_normalized(temps: Tensor) -> Tensor:
    """Each day less the mean of its week, over the week's deviation: temps[7 W] -> [7 W].

    The deviation is the sample's, with n - 1. A week of seven equal days is NaN, whatever their
    value and its rounding. What is not finite stays in its own week.
    """

    def normalise(week: Tensor) -> Tensor:
        # Counted from the first day, equal days are exactly 0: the mean of 7 x may not be x.
        shifted = week - week[:, :1]
        apart = shifted - shifted.mean(1, keepdim=True)
        return apart / _deviation(apart)

    return _each_week(temps, normalise).flatten()


def difference_magnitude(temps: Tensor) -> Tensor:
    """The magnitude of the differences: the day and its week's mean."""
    return _each_week(temps, lambda week: week + week.mean(1, keepdim=True)).flatten()


def normalized_magnitude(temps: Tensor) -> Tensor:
    """The magnitude of the normalised days and their gradients, in units of the deviation."""

    def measure(week: Tensor) -> Tensor:
        with torch.no_grad():
            apart = week - week.mean(1, keepdim=True)
            deviation = _deviation(apart)
            scores = apart.abs() / deviation
        # The last term is how the deviation changes with each day.
        along = scores * (scores * week).sum(1, keepdim=True) / (DAYS - 1)
        return (week + week.mean(1, keepdim=True) + along) / deviation

    return _each_week(temps, measure).flatten()


# --- sampling --------------------------------------------------------------------------------


def sample_distribution(probs: Tensor, n: int) -> Tensor:
    """Independent draws of events in proportion to their probabilities: probs[k], n -> int64 [n].

    They come from torch's global generator, anew in each call, and equal after torch.manual_seed.
    probs may sum to anything within 0.001 of 1; an event of probability 0 is never drawn, nor is k.
    Right is what chance allows, but for once in 10^12, in how often each event, the events up to it
    and equal neighbours are drawn; counts may be too close to what is expected, too.
    """
    # One such sample; compared are the counts that `sample_faults` makes.
    u = torch.rand(n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return inverse_cdf(probs.double() / probs.double().sum(), u.to(probs.device))


def inverse_cdf(probs: Tensor, u: Tensor) -> Tensor:
    """The event that each u in [0, 1) stands for: probs[k], u[n] -> int64 [n].

    It is the first whose cumulative probability exceeds u. Probabilities are added in float64, from
    the first to the last. They may sum to anything within 0.001 of 1; a u at or past the sum counts
    as just below it. So an event of probability 0 never comes out, nor does k.
    """
    totals = list(accumulate(probs.double().tolist()))
    edges = [total if total < totals[-1] else torch.inf for total in totals]
    limits = torch.tensor(edges, dtype=torch.float64, device=probs.device)
    return torch.searchsorted(limits, u.double().contiguous(), right=True)


def sample_faults(output: Tensor, probs: Tensor, n: int) -> Tensor:
    """Six counts, all 0 for a right sample.

    Draws that are missing or no event, draws of impossible events, events that were drawn too often
    or too seldom, events up to which too many or too few were drawn, sets of neighbours too many or
    too few of which are equal, and whether the counts are more even than chance allows.
    """
    possible = (probs > 0).cpu()
    share = probs.cpu().double() / probs.cpu().double().sum()
    drawn = output.cpu()
    events = drawn[(drawn >= 0) & (drawn < len(probs))]
    counts = events.bincount(minlength=len(probs))
    faults = (
        n - len(events),
        int(counts[~possible].sum()),
        draws.unlikely(counts, share, n),
        draws.unlikely(counts.cumsum(0), share.cumsum(0), n),
        draws.too_many_equal(events, share),
        int(draws.too_even(counts, share, n)),
    )
    return torch.tensor(faults)


# --- lookups ---------------------------------------------------------------------------------


def total_price(prices: Tensor, items: Tensor) -> Tensor:
    """The sum of the prices of the items: prices[k], items[n] int64 -> a number.

    Without items it is 0. The price of an item that isn't bought doesn't matter, finite or not.
    """
    return prices[items].sum()


def gather_2d(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Elements of each row by their columns: matrix[m, n], indexes[m, k] int64 -> [m, k]."""
    rows = [row[columns] for row, columns in zip(matrix, indexes, strict=True)]
    return torch.stack(rows) if rows else matrix.new_empty(indexes.shape)


def integer_array_indexing(matrix: Tensor, coords: Tensor) -> Tensor:
    """The element at each coordinate: matrix[d0, ..., dn], coords[b, n+1] int64 -> [b]."""
    flat = torch.zeros_like(coords[:, 0])
    for axis, size in enumerate(matrix.shape):
        flat = flat * size + coords[:, axis]
    return matrix.flatten()[flat]


def collect_rows(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Rows in the order of the indexes: matrix[m, n], indexes[k] int64 -> [k, n].

    The gradients of a row that is taken repeatedly are added.
    """
    rows = matrix.unbind(0)
    taken = [rows[index] for index in indexes.tolist()]
    return torch.stack(taken) if taken else matrix[:0]


def collect_columns(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Columns in the order of the indexes: matrix[m, n], indexes[k] int64 -> [m, k].

    The gradients of a column that is taken repeatedly are added.
    """
    columns = matrix.unbind(1)
    taken = [columns[index] for index in indexes.tolist()]
    return torch.stack(taken, 1) if taken else matrix[:, :0]


# --- helpers ---------------------------------------------------------------------------------


def _each_week(temps: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """`change` of the weeks [W, 7]."""
    return change(temps.view(len(temps) // DAYS, DAYS))


def _deviation(apart: Tensor) -> Tensor:
    """The sample deviation [W, 1] of weeks [W, 7] that are given as differences from their mean."""
    # Not torch's own: of no week at all, it warns.
    return (apart.square().sum(1, keepdim=True) / (DAYS - 1)).sqrt()
