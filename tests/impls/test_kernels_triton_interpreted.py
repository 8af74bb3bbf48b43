"""The Triton pooling functions against loops, under the interpreter on the CPU.

`test_kernels_triton.py` runs this file in a process where TRITON_INTERPRET=1 was set first.
"""

from __future__ import annotations

import math
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.impls.interpreting import DTYPES, assert_same

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("run by test_kernels_triton.py in a process of its own", allow_module_level=True)
pytest.importorskip("triton")

from opbench.impls.kernels import pooling_triton


def pooled(rows, slot_of_row, slots, fill):
    """Plain loops, differentiable: the mean of the rows of each slot."""
    groups = [[row for row, s in zip(rows, slot_of_row, strict=True) if s == p] for p in slots]
    empty = torch.full((rows.shape[1],), fill, dtype=rows.dtype)
    means = [sum(group) / len(group) if group else empty for group in groups]
    return torch.stack(means) if means else rows.new_empty((0, rows.shape[1]))


def expected_patches(tokens, ids, patches, fill=-1.0):
    slots = range(patches)
    return torch.stack([pooled(t, i, slots, fill) for t, i in zip(tokens, ids, strict=True)])


def expected_downsample(boundaries, hidden, null_group, groups=None):
    marks = (boundaries != 0).long()
    groups = int(marks.sum(1).max()) if groups is None else groups
    ids = (marks.cumsum(1) - marks).tolist()
    columns = [pooled(hidden[:, b], row, range(groups), 0.0) for b, row in enumerate(ids)]
    return torch.cat([null_group.expand(1, len(ids), -1), torch.stack(columns, 1)])


def expected_upsample(boundaries, shortened):
    slots = (boundaries != 0).long().cumsum(1).tolist()
    return torch.stack([shortened[row, b] for b, row in enumerate(slots)], 1)


def slots_of_lengths(lengths, size):
    slots = [p for p, length in enumerate(lengths) for _ in range(length)]
    return slots + [-1] * (size - len(slots))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("integer", [torch.int32, torch.int64])
def test_patches(dtype, integer):
    torch.manual_seed(0)
    lengths = torch.tensor([[2, 0, 7, 1], [0, 0, 3, 0]], dtype=integer)
    spans = [slots_of_lengths(row, 11) for row in lengths.tolist()]
    ids = torch.randint(-2, 6, (2, 11), dtype=integer)
    for width in (1, 5):
        tokens = torch.randn(2, 11, width).to(dtype)
        assert_same(
            lambda t: pooling_triton.patch_pooling(t, lengths, fill=2.5),
            lambda t: expected_patches(t, spans, 4, 2.5),
            [tokens],
        )
        assert_same(
            lambda t: pooling_triton.patch_pooling_ids(t, ids, 4),
            lambda t: expected_patches(t, ids.tolist(), 4),
            [tokens],
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("marks", [torch.bool, torch.int64, torch.float16])
def test_boundaries(dtype, marks):
    torch.manual_seed(0)
    boundaries = torch.tensor([[0, 1, 1, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0, 0]]).to(marks)
    hidden, null_group = torch.randn(7, 2, 3).to(dtype), torch.randn(1, 1, 3).to(dtype)
    for groups in (None, 2, 5):
        assert_same(
            lambda h, n, g=groups: pooling_triton.boundary_downsample(boundaries, h, n, groups=g),
            lambda h, n, g=groups: expected_downsample(boundaries, h, n, g),
            [hidden, null_group],
        )
    assert_same(
        lambda s: pooling_triton.boundary_upsample(boundaries, s),
        lambda s: expected_upsample(boundaries, s),
        [torch.randn(5, 2, 3).to(dtype)],
    )


def test_rows_wider_than_a_block():
    tokens = torch.randn(1, 6, pooling_triton.MAX_BLOCK + 3)
    lengths = torch.tensor([[5, 1]])
    ids = torch.tensor([[1, 0, 1, 1, 0, 1]])
    assert_same(
        lambda t: pooling_triton.patch_pooling(t, lengths),
        lambda t: expected_patches(t, [slots_of_lengths([5, 1], 6)], 2),
        [tokens],
    )
    assert_same(
        lambda t: pooling_triton.patch_pooling_ids(t, ids, 2),
        lambda t: expected_patches(t, ids.tolist(), 2),
        [tokens],
    )


def test_strided_lengths():
    lengths = torch.tensor([[2, 0, 4], [1, 5, 1]]).t().contiguous().t()
    assert not lengths.is_contiguous()
    ids = [slots_of_lengths(row, 7) for row in lengths.tolist()]
    assert_same(
        lambda tokens: pooling_triton.patch_pooling(tokens, lengths),
        lambda tokens: expected_patches(tokens, ids, 3),
        [torch.randn(2, 7, 5)],
    )


def test_strided_inputs():
    torch.manual_seed(0)
    spread = torch.randn(14, 10, 6, dtype=torch.float64)
    tokens = spread.permute(2, 0, 1)[::3, ::2, ::2]  # [2, 7, 5]
    lengths = torch.tensor([[1, 9, 0, 9, 5], [3, 9, 2, 9, 0]])[:, ::2]
    ids = torch.randint(-1, 3, (7, 2)).t()
    marks = torch.randint(0, 2, (7, 2)).t()
    null_group = torch.randn(1, 1, 10, dtype=torch.float64)[..., ::2]
    spans = [slots_of_lengths(row, 7) for row in lengths.tolist()]
    before = spread.clone()
    short = pooling_triton.boundary_downsample(marks, tokens.transpose(0, 1), null_group)
    for found, expected in (
        (pooling_triton.patch_pooling(tokens, lengths), expected_patches(tokens, spans, 3)),
        (
            pooling_triton.patch_pooling_ids(tokens, ids, 3),
            expected_patches(tokens, ids.tolist(), 3),
        ),
        (short, expected_downsample(marks, tokens.transpose(0, 1), null_group)),
        (
            pooling_triton.boundary_upsample(marks, short.flip(2).flip(2)),
            expected_upsample(marks, short),
        ),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(spread, before)


@pytest.mark.parametrize(
    ("batches", "size", "width", "patches"),
    [(0, 4, 3, 2), (2, 0, 3, 2), (2, 4, 0, 2), (2, 4, 3, 0), (0, 0, 0, 0)],
)
def test_empty_sizes(batches, size, width, patches):
    tokens = torch.randn(batches, size, width, requires_grad=True)
    lengths = torch.zeros(batches, patches, dtype=torch.long)
    ids = torch.full((batches, size), -1)
    for out in (
        pooling_triton.patch_pooling(tokens, lengths),
        pooling_triton.patch_pooling_ids(tokens, ids, patches),
    ):
        assert torch.equal(out, torch.full((batches, patches, width), -1.0))
        (grad,) = torch.autograd.grad(out.sum(), tokens)
        assert torch.equal(grad, torch.zeros_like(tokens))
    hidden, null = torch.randn(size, batches, width), torch.randn(1, 1, width)
    marks = torch.zeros(batches, size)
    short = pooling_triton.boundary_downsample(marks, hidden, null)
    assert torch.equal(short, null.expand(1, batches, width))
    long = pooling_triton.boundary_upsample(marks, short)
    assert torch.equal(long, null.expand(size, batches, width))


# The interpreter computes with numpy, which warns where a kernel on a device stays silent.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_stays_in_its_group(bad):
    tokens = torch.ones(1, 8, 3)
    tokens[0, 2] = bad
    tokens[0, 7] = bad  # past the sum of the lengths
    lengths = torch.tensor([[2, 2, 0, 3]])
    for out in (
        pooling_triton.patch_pooling(tokens, lengths),
        pooling_triton.patch_pooling_ids(tokens, torch.tensor([[0, 0, 1, 1, 3, 3, 3, -1]]), 4),
    ):
        expected = torch.tensor([1.0, bad, -1.0, 1.0])[None, :, None].expand(1, 4, 3)
        torch.testing.assert_close(out, expected, equal_nan=True)
    leaf = tokens.clone().requires_grad_()
    weight = torch.ones(1, 4, 3)
    weight[0, 1:3] = bad
    (grad,) = torch.autograd.grad(pooling_triton.patch_pooling(leaf, lengths), leaf, weight)
    assert torch.equal(grad[0, (0, 1), :], torch.full((2, 3), 0.5))
    assert torch.equal(grad[0, 7], torch.zeros(3))


def test_coarse_boundaries_are_counted_exactly():
    boundaries = torch.ones(1, 300, dtype=torch.bfloat16)
    hidden = torch.arange(300.0)[:, None, None]
    found = pooling_triton.boundary_downsample(boundaries, hidden, torch.zeros(1, 1, 1))
    assert torch.equal(found[1:], hidden)


def test_gradients():
    def rows(*shape):
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    lengths, ids = torch.tensor([[2, 0, 1]]), torch.tensor([[2, 0, -1, 2]])
    marks = torch.tensor([[1, 0, 1, 0]])
    check = torch.autograd.gradcheck
    assert check(lambda t: pooling_triton.patch_pooling(t, lengths), rows(1, 4, 2))
    assert check(lambda t: pooling_triton.patch_pooling_ids(t, ids, 3), rows(1, 4, 2))
    assert check(
        lambda h, n: pooling_triton.boundary_downsample(marks, h, n), (rows(4, 1, 2), rows(1, 1, 2))
    )
    assert check(lambda s: pooling_triton.boundary_upsample(marks, s), rows(3, 1, 2))


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_lengths_and_ids(data):
    lengths = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=4))
    size = sum(lengths) + data.draw(st.integers(0, 2))
    tokens = torch.randn(1, size, data.draw(st.integers(0, 9)), dtype=torch.float64)
    spans = slots_of_lengths(lengths, size)
    ids = data.draw(st.permutations(spans))
    for found, slots in (
        (pooling_triton.patch_pooling(tokens, torch.tensor([lengths])), spans),
        (
            pooling_triton.patch_pooling_ids(tokens, torch.tensor([ids]).long(), len(lengths)),
            ids,
        ),
    ):
        expected = expected_patches(tokens, [slots], len(lengths))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
