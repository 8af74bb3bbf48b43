"""Contenders for picking by index: prices, elements of rows, coordinates, rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from opbench import floating, impl, supported
from opbench.impls.dtypes import ADDS_IN_HALF, accumulator

if TYPE_CHECKING:
    from torch import Tensor

ZERO_TIMES_NAN = "0 * NaN and 0 * inf leak from what isn't picked"
#: Elements of a one-hot matrix that is still worth its memory.
MOST_ONES = 1 << 25


@supported("its one-hot matrices would have more than 2^25 elements")
def small_one_hot(matrix: Tensor, indexes: Tensor) -> bool:
    """Whether a one-hot row for each index of each row is small enough."""
    return indexes.numel() * matrix.shape[1] <= MOST_ONES


@supported("its one-hot matrix would have more than 2^25 elements")
def small_one_hot_rows(matrix: Tensor, indexes: Tensor) -> bool:
    """Whether a one-hot row for each row that is taken is small enough."""
    return len(indexes) * matrix.shape[0] <= MOST_ONES


@supported("its backward pass makes one tensor of zeros for each coordinate: takes 4096 at most")
def few_coords(coords: Tensor) -> bool:
    """Whether there are few enough to be picked one by one."""
    return len(coords) <= 4096


# --- total_price: of a wide table, since backward adds up in the table's type ----------------


@impl("total_price_gather", name="index")
@impl("total_price_indexing", name="index")
def price_by_index(prices: Tensor, items: Tensor) -> Tensor:
    """Indexing with the items."""
    return _wide(prices)[items].sum().to(prices.dtype)


@impl("total_price_gather", name="gather")
@impl("total_price_indexing", name="gather")
def price_by_gather(prices: Tensor, items: Tensor) -> Tensor:
    """gather."""
    return _wide(prices).gather(0, items).sum().to(prices.dtype)


@impl("total_price_gather", name="index_select")
@impl("total_price_indexing", name="index_select")
def price_by_index_select(prices: Tensor, items: Tensor) -> Tensor:
    """index_select."""
    return _wide(prices).index_select(0, items).sum().to(prices.dtype)


@impl("total_price_gather", name="take")
@impl("total_price_indexing", name="take")
def price_by_take(prices: Tensor, items: Tensor) -> Tensor:
    """take."""
    return _wide(prices).take(items).sum().to(prices.dtype)


@impl("total_price_gather", name="embedding", supports=floating)
@impl("total_price_indexing", name="embedding", supports=floating)
def price_by_embedding(prices: Tensor, items: Tensor) -> Tensor:
    """A lookup in an embedding table of width 1."""
    table = _wide(prices)[:, None]
    return torch.nn.functional.embedding(items, table).sum().to(prices.dtype)


@impl("total_price_gather", name="bincount")
@impl("total_price_indexing", name="bincount")
def price_by_count(prices: Tensor, items: Tensor) -> Tensor:
    """How often each item was bought, times its price."""
    counts = items.bincount(minlength=len(prices))
    # 0 * NaN: what nobody bought must not count.
    paid = _wide(prices).masked_fill(counts == 0, 0)
    return (paid * counts).sum().to(prices.dtype)


# --- gather_2d -------------------------------------------------------------------------------


@impl("gather_2d")
def gather(matrix: Tensor, indexes: Tensor) -> Tensor:
    """gather along the columns."""
    return matrix.gather(1, indexes)


@impl("gather_2d")
def take_along_dim(matrix: Tensor, indexes: Tensor) -> Tensor:
    """take_along_dim."""
    return matrix.take_along_dim(indexes, 1)


@impl("gather_2d", caveats=ADDS_IN_HALF)
def index(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Indexing with the row and the column of each element."""
    rows = torch.arange(len(matrix), device=matrix.device)
    return matrix[rows[:, None], indexes.contiguous()]  # laid out as the index is


@impl("gather_2d", supports=floating & small_one_hot, caveats={"nonfinite": ZERO_TIMES_NAN})
def one_hot_bmm(matrix: Tensor, indexes: Tensor) -> Tensor:
    """A one-hot matrix for each row, times the row."""
    ones = matrix.new_zeros(*indexes.shape, matrix.shape[1]).scatter_(2, indexes[:, :, None], 1)
    return (ones @ matrix[:, :, None]).squeeze(2)


@impl("gather_2d", caveats=ADDS_IN_HALF)
def loop(matrix: Tensor, indexes: Tensor) -> Tensor:
    """One selection for each row."""
    rows = [row[columns] for row, columns in zip(matrix, indexes, strict=True)]
    return torch.stack(rows) if rows else matrix.new_empty(indexes.shape)


# --- integer_array_indexing ------------------------------------------------------------------


@impl("integer_array_indexing", name="index", caveats=ADDS_IN_HALF)
def index_coords(matrix: Tensor, coords: Tensor) -> Tensor:
    """Indexing with the columns of the coordinates."""
    return matrix[coords.unbind(1)]


@impl("integer_array_indexing", caveats=ADDS_IN_HALF)
def take(matrix: Tensor, coords: Tensor) -> Tensor:
    """Places in the flattened matrix, then take."""
    return matrix.take(_places(matrix, coords))


@impl("integer_array_indexing", caveats=ADDS_IN_HALF)
def index_select(matrix: Tensor, coords: Tensor) -> Tensor:
    """Places in the flattened matrix, then index_select."""
    return matrix.flatten().index_select(0, _places(matrix, coords))


@impl("integer_array_indexing", name="loop", supports=few_coords, caveats=ADDS_IN_HALF)
def loop_coords(matrix: Tensor, coords: Tensor) -> Tensor:
    """One element after the other."""
    elements = [matrix[tuple(place)] for place in coords.tolist()]
    return torch.stack(elements) if elements else matrix.new_empty(0)


# --- collect_rows ----------------------------------------------------------------------------


@impl("collect_rows", name="index", caveats=ADDS_IN_HALF)
def rows_by_index(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Indexing."""
    return matrix[indexes]


@impl("collect_rows", name="index_select")
def rows_by_index_select(matrix: Tensor, indexes: Tensor) -> Tensor:
    """index_select."""
    return matrix.index_select(0, indexes)


@impl("collect_rows", name="gather")
def rows_by_gather(matrix: Tensor, indexes: Tensor) -> Tensor:
    """gather, through an index that is expanded over the columns."""
    return matrix.gather(0, indexes[:, None].expand(-1, matrix.shape[1]))


@impl("collect_rows", caveats=ADDS_IN_HALF)
def embedding(matrix: Tensor, indexes: Tensor) -> Tensor:
    """A lookup in an embedding table."""
    return torch.nn.functional.embedding(indexes, matrix)


@impl(
    "collect_rows",
    name="one_hot_matmul",
    supports=floating & small_one_hot_rows,
    caveats={"nonfinite": ZERO_TIMES_NAN},
)
def rows_by_one_hot(matrix: Tensor, indexes: Tensor) -> Tensor:
    """A one-hot row for each row that is taken, times the matrix."""
    ones = matrix.new_zeros(len(indexes), len(matrix)).scatter_(1, indexes[:, None], 1)
    return ones @ matrix


# --- collect_columns -------------------------------------------------------------------------


@impl("collect_columns", name="index", caveats=ADDS_IN_HALF)
def columns_by_index(matrix: Tensor, indexes: Tensor) -> Tensor:
    """Indexing."""
    return matrix[:, indexes]


@impl("collect_columns", name="index_select")
def columns_by_index_select(matrix: Tensor, indexes: Tensor) -> Tensor:
    """index_select."""
    return matrix.index_select(1, indexes)


@impl("collect_columns", name="gather")
def columns_by_gather(matrix: Tensor, indexes: Tensor) -> Tensor:
    """gather, through an index that is expanded over the rows."""
    return matrix.gather(1, indexes.expand(len(matrix), -1))


@impl("collect_columns", name="embedding", caveats=ADDS_IN_HALF)
def columns_by_embedding(matrix: Tensor, indexes: Tensor) -> Tensor:
    """A lookup in the transposed matrix as an embedding table, transposed back."""
    return torch.nn.functional.embedding(indexes, matrix.T).T.contiguous()


@impl(
    "collect_columns",
    name="one_hot_matmul",
    supports=floating & small_one_hot,
    caveats={"nonfinite": ZERO_TIMES_NAN},
)
def columns_by_one_hot(matrix: Tensor, indexes: Tensor) -> Tensor:
    """The matrix times a one-hot column for each column that is taken."""
    ones = matrix.new_zeros(matrix.shape[1], len(indexes)).scatter_(0, indexes[None], 1)
    return matrix @ ones


def _wide(prices: Tensor) -> Tensor:
    return prices.to(accumulator(prices.dtype))


def _places(matrix: Tensor, coords: Tensor) -> Tensor:
    """The places [b] of the coordinates [b, n+1] in the flattened matrix."""
    flat, *others = coords.unbind(1)
    for size, column in zip(matrix.shape[1:], others, strict=True):
        flat = flat * size + column
    return flat
