"""The C++ pooling kernels against loops in float64."""

from __future__ import annotations

import math
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.impls.kernels import cpp_build, pooling_cpp

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, cpp_build.COMPILERS)), reason="needs a C++ compiler"
)


def mean_of_slots(rows, slot_of_row, slots, fill):
    """Plain loops: rows[R, D] and the slot of each row -> [slots, D], in float64."""
    out = torch.full((slots, rows.shape[1]), fill, dtype=torch.float64)
    for slot in range(slots):
        members = [rows[r].double() for r, s in enumerate(slot_of_row) if s == slot]
        if members:
            out[slot] = sum(members) / len(members)
    return out


def slots_of_lengths(lengths, size):
    slots = [p for p, length in enumerate(lengths) for _ in range(length)]
    return slots + [-1] * (size - len(slots))


def expected_patches(tokens, ids, patches, fill=-1.0):
    out = torch.empty((len(tokens), patches, tokens.shape[2]), dtype=torch.float64)
    for b, row in enumerate(ids):
        out[b] = mean_of_slots(tokens[b], row, patches, fill)
    return out


def expected_downsample(boundaries, hidden, null_group, groups=None):
    marks = (boundaries != 0).tolist()
    groups = max([sum(row) for row in marks], default=0) if groups is None else groups
    out = torch.empty((groups + 1, *hidden.shape[1:]), dtype=torch.float64)
    for b, row in enumerate(marks):
        ids = [sum(row[:at]) for at in range(len(row))]
        out[0, b] = null_group[0, 0].double()
        out[1:, b] = mean_of_slots(hidden[:, b], ids, groups, 0.0)
    return out


def expected_upsample(boundaries, shortened):
    rows, size = boundaries.shape
    out = torch.empty((size, *shortened.shape[1:]), dtype=torch.float64)
    for b in range(rows):
        for at in range(size):
            out[at, b] = shortened[int((boundaries[b, : at + 1] != 0).sum()), b]
    return out


def assert_near(found, expected, dtype=None):
    dtype = dtype or found.dtype
    assert found.dtype == dtype
    assert found.is_contiguous()
    atol = {torch.float64: 1e-12, torch.float32: 1e-5}.get(dtype, 0)
    rtol = {torch.float16: 1e-3, torch.bfloat16: 8e-3}.get(dtype, 1e-6)
    torch.testing.assert_close(found.double(), expected, rtol=rtol, atol=atol, equal_nan=True)


def random_lengths(batches, size, patches, seed=0):
    generator = torch.Generator().manual_seed(seed)
    cuts = torch.randint(0, size + 1, (batches, patches), generator=generator)
    edges = torch.cat([torch.zeros(batches, 1, dtype=torch.long), cuts.sort(1).values], 1)
    return edges.diff(dim=1)


def layouts(tensor):
    """The same values, contiguous and through every kind of stride."""
    spread = tensor.new_zeros([2 * n for n in tensor.shape])
    spread[::2, ::2, ::2] = tensor
    rows = tensor.new_zeros((tensor.shape[0], 3 * tensor.shape[1], tensor.shape[2] + 5))
    rows[:, ::3, 2:-3] = tensor
    return {
        "contiguous": tensor,
        "transposed": tensor.transpose(0, 1).contiguous().transpose(0, 1),
        "columns": tensor.transpose(1, 2).contiguous().transpose(1, 2),
        "sliced": rows[:, ::3, 2:-3],
        "stepped": spread[::2, ::2, ::2],
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("batches", "size", "width", "patches"),
    [(1, 1, 1, 1), (2, 17, 5, 6), (3, 40, 33, 4), (1, 1200, 7, 2), (2, 64, 1500, 9)],
)
def test_patches_match_loops(dtype, batches, size, width, patches):
    torch.manual_seed(0)
    tokens = torch.randn(batches, size, width).to(dtype)
    lengths = random_lengths(batches, size, patches)
    ids = [slots_of_lengths(row, size) for row in lengths.tolist()]
    expected = expected_patches(tokens, ids, patches)
    for integer in (torch.int32, torch.int64, torch.int16):
        found = pooling_cpp.patch_pooling(tokens, lengths.clamp(max=32767).to(integer))
        assert_near(found, expected, dtype)
    assert_near(pooling_cpp.patch_pooling_ids(tokens, torch.tensor(ids), patches), expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("integer", [torch.int32, torch.int64])
def test_unsorted_ids_and_ids_out_of_range(dtype, integer):
    torch.manual_seed(0)
    tokens = torch.randn(3, 50, 19).to(dtype)
    ids = torch.randint(-2, 9, (3, 50), dtype=integer)
    found = pooling_cpp.patch_pooling_ids(tokens, ids, 8, fill=2.5)
    assert_near(found, expected_patches(tokens, ids.tolist(), 8, 2.5), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "marks", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64]
)
def test_boundaries_match_loops(dtype, marks):
    torch.manual_seed(0)
    boundaries = (torch.rand(3, 31) < 0.3).to(marks)
    hidden = torch.randn(31, 3, 9).to(dtype)
    null_group = torch.randn(1, 1, 9).to(dtype)
    short = pooling_cpp.boundary_downsample(boundaries, hidden, null_group)
    assert_near(short, expected_downsample(boundaries, hidden, null_group), dtype)
    for groups in (0, 2, 40):
        found = pooling_cpp.boundary_downsample(boundaries, hidden, null_group, groups=groups)
        assert_near(found, expected_downsample(boundaries, hidden, null_group, groups), dtype)
    long = pooling_cpp.boundary_upsample(boundaries, short)
    assert_near(long, expected_upsample(boundaries, short), dtype)


def test_many_boundaries_of_a_coarse_type_are_counted_exactly():
    boundaries = torch.ones(1, 3000, dtype=torch.bfloat16)
    hidden = torch.arange(3000.0)[:, None, None].expand(3000, 1, 2)
    found = pooling_cpp.boundary_downsample(boundaries, hidden, torch.zeros(1, 1, 2))
    assert torch.equal(found[1:], hidden)


def test_negative_zero_is_no_boundary():
    boundaries = torch.tensor([[-0.0, 1.0, -0.0]])
    hidden = torch.tensor([1.0, 3.0, 9.0])[:, None, None]
    found = pooling_cpp.boundary_downsample(boundaries, hidden, torch.zeros(1, 1, 1))
    assert found.flatten().tolist() == [0.0, 2.0]


@pytest.mark.parametrize("kind", ["contiguous", "transposed", "columns", "sliced", "stepped"])
def test_strided_inputs_and_gradients(kind):
    torch.manual_seed(0)
    plain = torch.randn(2, 12, 6, dtype=torch.float64)
    lengths = layouts(random_lengths(2, 12, 5)[:, :, None])["stepped"][:, :, 0]
    ids = torch.randint(-1, 5, (12, 2)).t()
    marks = layouts((torch.rand(2, 12) < 0.4)[:, :, None])["sliced"][:, :, 0]
    null = torch.randn(1, 1, 12, dtype=torch.float64)[..., ::2]
    spans = [slots_of_lengths(row, 12) for row in lengths.tolist()]
    tokens = layouts(plain)[kind]
    hidden = layouts(plain.transpose(0, 1).contiguous())[kind]
    before = tokens.clone(), hidden.clone()
    short = pooling_cpp.boundary_downsample(marks, hidden, null)
    cases = (
        (pooling_cpp.patch_pooling(tokens, lengths), expected_patches(plain, spans, 5)),
        (pooling_cpp.patch_pooling_ids(tokens, ids, 5), expected_patches(plain, ids.tolist(), 5)),
        (short, expected_downsample(marks, hidden, null)),
        (
            pooling_cpp.boundary_upsample(marks, layouts(short)[kind]),
            expected_upsample(marks, short),
        ),
    )
    for found, expected in cases:
        assert_near(found, expected)
    assert torch.equal(tokens, before[0])
    assert torch.equal(hidden, before[1])
    # The gradient that arrives may have any layout too.
    leaf = plain.clone().requires_grad_()
    out = pooling_cpp.patch_pooling(leaf, lengths)
    weight = torch.randn(out.shape, dtype=torch.float64)
    (found,) = torch.autograd.grad(out, leaf, layouts(weight)[kind], retain_graph=True)
    (expected,) = torch.autograd.grad(out, leaf, weight)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("batches", "size", "width", "patches"),
    [(0, 4, 3, 2), (2, 0, 3, 2), (2, 4, 0, 2), (2, 4, 3, 0), (0, 0, 0, 0)],
)
def test_empty_sizes(batches, size, width, patches):
    tokens = torch.randn(batches, size, width, requires_grad=True)
    lengths = torch.zeros(batches, patches, dtype=torch.long)
    ids = torch.full((batches, size), -1)
    for out in (
        pooling_cpp.patch_pooling(tokens, lengths),
        pooling_cpp.patch_pooling_ids(tokens, ids, patches),
    ):
        assert torch.equal(out, torch.full((batches, patches, width), -1.0))
        (grad,) = torch.autograd.grad(out.sum(), tokens)
        assert torch.equal(grad, torch.zeros_like(tokens))
    hidden = torch.randn(size, batches, width)
    null = torch.randn(1, 1, width)
    short = pooling_cpp.boundary_downsample(torch.zeros(batches, size), hidden, null)
    assert torch.equal(short, null.expand(1, batches, width))
    long = pooling_cpp.boundary_upsample(torch.zeros(batches, size), short)
    assert torch.equal(long, null.expand(size, batches, width))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_value_that_is_not_finite_stays_in_its_group(bad, dtype):
    tokens = torch.ones(1, 8, 37, dtype=dtype)
    tokens[0, 2] = bad
    tokens[0, 7] = bad  # past the sum of the lengths
    for out in (
        pooling_cpp.patch_pooling(tokens, torch.tensor([[2, 2, 0, 3]])),
        pooling_cpp.patch_pooling_ids(tokens, torch.tensor([[0, 0, 1, 1, 3, 3, 3, -1]]), 4),
    ):
        assert torch.equal(out[0, (0, 3), :], torch.ones(2, 37, dtype=dtype))
        assert torch.equal(out[0, 2], torch.full((37,), -1.0, dtype=dtype))
        assert_near(out[0, 1], torch.full((37,), bad, dtype=torch.float64), dtype)
    leaf = tokens.clone().requires_grad_()
    out = pooling_cpp.patch_pooling(leaf, torch.tensor([[2, 2, 0, 3]]))
    weight = torch.ones_like(out)
    weight[0, 1:3] = bad
    (grad,) = torch.autograd.grad(out, leaf, weight)
    assert torch.equal(grad[0, (0, 1), :], torch.full((2, 37), 0.5, dtype=dtype))
    assert torch.equal(grad[0, 7], torch.zeros(37, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_half_value_survives_the_way_to_float_and_back(dtype):
    values = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
    values = values[~values.isfinite() | (values.abs() < 2.0**127)]  # twice the rest is infinite
    tokens = values.expand(2, -1)[None]
    found = pooling_cpp.patch_pooling(tokens, torch.tensor([[2]]))
    assert torch.equal(found[0, 0].float().nan_to_num(nan=7), values.float().nan_to_num(nan=7))
    # Midpoints of neighbours: rounded to even, as torch does.
    odd = values[values.isfinite()]
    pairs = torch.stack([odd[:-1], odd[1:]])
    expected = (pairs[0].float() + pairs[1].float()).div(2).to(dtype)
    assert torch.equal(pooling_cpp.patch_pooling(pairs[None], torch.tensor([[2]]))[0, 0], expected)


def test_half_types_accumulate_in_float32():
    for dtype in (torch.float16, torch.bfloat16):
        tokens = torch.full((1, 5000, 3), 1.0).to(dtype)
        assert (pooling_cpp.patch_pooling(tokens, torch.tensor([[5000]])) == 1).all()


def test_long_segments_keep_their_precision():
    tokens = torch.full((1, 200_000, 2), 0.1)
    found = pooling_cpp.patch_pooling(tokens, torch.tensor([[200_000]]))
    torch.testing.assert_close(found, torch.full((1, 1, 2), 0.1), rtol=3e-6, atol=0)


@pytest.mark.parametrize("lengths", [[[0, 0, 300, 0]], [[5, 290, 5]], [[1] * 300], [[0] * 500]])
def test_uneven_work_on_many_threads(lengths):
    torch.manual_seed(0)
    tokens = torch.randn(1, 300, 700)
    table = torch.tensor(lengths)
    ids = [slots_of_lengths(lengths[0], 300)]
    assert_near(
        pooling_cpp.patch_pooling(tokens, table), expected_patches(tokens, ids, table.shape[1])
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_lengths_and_ids(data):
    lengths = data.draw(st.lists(st.integers(0, 9), max_size=8))
    size = sum(lengths) + data.draw(st.integers(0, 4))
    width = data.draw(st.integers(0, 70))
    tokens = torch.randn(1, size, width, dtype=torch.float64, requires_grad=True)
    table = torch.tensor([lengths], dtype=torch.int64).reshape(1, len(lengths))
    spans = [slots_of_lengths(lengths, size)]
    ids = data.draw(st.permutations(spans[0]))
    for found, slots in (
        (pooling_cpp.patch_pooling(tokens, table), spans[0]),
        (pooling_cpp.patch_pooling_ids(tokens, torch.tensor([ids]).long(), len(lengths)), ids),
    ):
        # Where no row is kept the loops never touch the tokens: the zero ties them in.
        expected = expected_patches(tokens, [slots], len(lengths)) + 0 * tokens.sum()
        assert_near(found.detach(), expected.detach())
        weight = torch.randn_like(found)
        got, want = (torch.autograd.grad(out, tokens, weight)[0] for out in (found, expected))
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


def op_calls(dtype=torch.float64, requires_grad=True):
    """Every op, the backward ones too, with small arguments."""
    ops = pooling_cpp.load_ops(pooling_cpp.SOURCE)
    found = getattr(torch.ops, ops.namespace)
    torch.manual_seed(0)

    def rows(*shape, grad=requires_grad):
        return torch.randn(*shape, dtype=dtype, requires_grad=grad)

    lengths = torch.tensor([[2, 0, 1], [1, 2, 3]])
    ids = torch.tensor([[2, 0, -1, 2], [1, 2, 7, 0]])
    marks = torch.tensor([[1, 0, 1, 0], [0, 0, 1, 0]])
    return {
        "span_mean": (ops.span_mean, (rows(2, 6, 3), lengths, -1.0)),
        "id_mean": (ops.id_mean, (rows(2, 4, 3), ids, 4, -1.0)),
        "group_mean": (ops.group_mean, (marks, rows(4, 2, 3), rows(1, 1, 3), None)),
        "group_mean_given": (ops.group_mean, (marks, rows(4, 2, 3), rows(1, 1, 3), 1)),
        "group_read": (ops.group_read, (marks, rows(3, 2, 3))),
        "span_mean_backward": (
            found.span_mean_backward.default,
            (rows(2, 3, 3, grad=False), lengths, 6),
        ),
        "id_mean_backward": (found.id_mean_backward.default, (rows(2, 4, 3, grad=False), ids)),
        "group_mean_backward": (
            found.group_mean_backward.default,
            (rows(3, 2, 3, grad=False), marks),
        ),
        "group_read_backward": (
            found.group_read_backward.default,
            (rows(4, 2, 3, grad=False), marks, 3),
        ),
    }


OPS = (
    *("span_mean", "id_mean", "group_mean", "group_mean_given", "group_read"),
    *("span_mean_backward", "id_mean_backward", "group_mean_backward", "group_read_backward"),
)


@pytest.mark.parametrize("name", OPS)
def test_opcheck(name):
    op, arguments = op_calls(torch.float32)[name]
    torch.library.opcheck(op, arguments)


@pytest.mark.parametrize("name", OPS[:5])
def test_gradients(name):
    op, arguments = op_calls()[name]
    assert torch.autograd.gradcheck(op, arguments)


def test_values_out_of_range_are_refused():
    tokens = torch.ones(1, 3, 2)
    for lengths in ([[2, 2]], [[-1, 2]], [[2**62, 2**62]]):
        with pytest.raises(RuntimeError, match="sum to at most 3"):
            pooling_cpp.patch_pooling(tokens, torch.tensor(lengths))
    with pytest.raises(RuntimeError, match="reads past the 1 slots"):
        pooling_cpp.boundary_upsample(torch.tensor([[1, 1]]), torch.ones(1, 1, 2))
    with pytest.raises(RuntimeError, match="only float16"):
        pooling_cpp.patch_pooling(tokens.long(), torch.tensor([[1]]))
    with pytest.raises(RuntimeError, match="differ in batches"):
        pooling_cpp.patch_pooling(tokens, torch.tensor([[1], [1]]))
