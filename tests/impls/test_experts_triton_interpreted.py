"""The Triton functions of experts against plain torch, under the interpreter on the CPU.

`test_kernels_triton.py` runs this file in a process where TRITON_INTERPRET=1 was set first.
"""

from __future__ import annotations

import math
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.impls.interpreting import DTYPES, TOLERANCE, assert_same, laid_out

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("run by test_kernels_triton.py in a process of its own", allow_module_level=True)
pytest.importorskip("triton")

from opbench.impls.kernels import experts_triton

# The interpreter computes with numpy, which warns of what a GPU computes in silence.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

INF, NAN = math.inf, math.nan
IDS = torch.tensor([[2, 0, 2, 1, 1], [0, 2, 1, 0, 0], [2, 1, 1, 0, 2]])


def expected_rows(x, ids, experts):
    """One mask per expert."""
    return torch.cat([x[ids == expert] for expert in range(experts)])


def expected_sums(y, token_index, weights, tokens):
    """One row added after the other, but for silent ones."""
    sums = [y.new_zeros(y.shape[1]) + (y[:0].sum() + weights[:0].sum()) for _ in range(tokens)]
    for row, token in enumerate(token_index.tolist()):
        if weights[row] != 0:
            sums[token] = sums[token] + weights[row] * y[row]
    return torch.stack(sums) if sums else y[:0] * weights[:0, None]


def expected_gates(logits, k, *, renormalise):
    """The sorted logits, and their softmax."""
    values, order = logits.sort(dim=1, descending=True, stable=True)
    pool = values[:, :k] if renormalise else values
    return pool.softmax(1)[:, :k], order[:, :k]


@pytest.fixture
def _small_blocks(monkeypatch):
    monkeypatch.setattr(experts_triton, "TOKENS", 4)
    monkeypatch.setattr(experts_triton, "MAX_EXPERTS", 2)
    monkeypatch.setattr(experts_triton, "MAX_BLOCK", 4)
    monkeypatch.setattr(experts_triton, "ELEMENTS", 8)


# --- tokens to experts -----------------------------------------------------------------------


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_loads(dtype):
    torch.manual_seed(0)
    for x in laid_out(torch.randn(3, 5, 7).to(dtype)):
        assert_same(
            lambda x: experts_triton.expert_batching(x, IDS, 3),
            lambda x: expected_rows(x, IDS, 3).view(3, 5, 7),
            [x],
        )


@pytest.mark.parametrize("dtype", [torch.int64, torch.int8, torch.bool])
@pytest.mark.parametrize("integer", [torch.int32, torch.int64, torch.uint8])
def test_integers_go_to_experts_too(dtype, integer):
    x = torch.arange(45).view(3, 5, 3).to(dtype)
    found = experts_triton.expert_batching(x, IDS.to(integer).t().contiguous().t(), 3)
    assert torch.equal(found, expected_rows(x, IDS, 3).view(3, 5, 3))


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_token_that_is_not_finite_stays_alone(bad):
    x = torch.randn(3, 5, 2)
    x[1, 2] = bad
    found = experts_triton.expert_batching(x, IDS, 3)
    torch.testing.assert_close(found.flatten(0, 1), expected_rows(x, IDS, 3), equal_nan=True)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    ids=st.integers(0, 9).flatmap(lambda top: st.lists(st.integers(0, top), max_size=150)),
    spare=st.integers(0, 40),
    width=st.integers(0, 5),
)
def test_any_loads(ids, spare, width):
    experts = max(ids, default=0) + 1 + spare
    ids = torch.tensor([ids], dtype=torch.int64)
    x = torch.randn(1, ids.numel(), width, dtype=torch.float64, requires_grad=True)
    rows, offsets = experts_triton.expert_batching_ragged(x, ids, experts)
    assert torch.equal(rows, expected_rows(x, ids, experts))
    loads = torch.bincount(ids[0], minlength=experts).tolist()
    assert offsets.dtype == torch.int64
    assert offsets.tolist() == torch.tensor([0, *loads]).cumsum(0).tolist()
    weight = torch.randn(rows.shape, dtype=torch.float64)
    (found,) = torch.autograd.grad(rows, x, weight)
    (expected,) = torch.autograd.grad(expected_rows(x, ids, experts), x, weight)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3), (2, 3, 0)])
def test_no_tokens_or_no_width(shape):
    x = torch.randn(shape, requires_grad=True)
    ids = torch.arange(shape[0] * shape[1]).view(shape[:2]) % 2
    found = experts_triton.expert_batching(x, ids, 2)
    assert found.shape == (2, shape[0] * shape[1] // 2, shape[2])
    assert torch.autograd.grad(found.sum(), x)[0].shape == shape


# --- and back ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("choices", [1, 3])
def test_sums_of_choices(dtype, choices):
    torch.manual_seed(0)
    y, weights = torch.randn(3, choices, 7).to(dtype), torch.rand(3, choices).to(dtype)
    for pair in zip(laid_out(y), laid_out(weights), strict=True):
        assert_same(experts_triton.moe_combine, lambda y, w: torch.einsum("tkd,tk->td", y, w), pair)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("integer", [torch.int32, torch.int64])
def test_sums_of_sorted_rows(dtype, integer):
    torch.manual_seed(0)
    tokens = torch.tensor([3, 0, 3, 5, 0, 3], dtype=integer)
    weights = torch.tensor([0.5, 0.0, 0.25, -1.0, 2.0, 0.125]).to(dtype)
    for pair in zip(laid_out(torch.randn(6, 7).to(dtype)), laid_out(weights), strict=True):
        assert_same(
            lambda y, w: experts_triton.moe_combine_sorted(y, tokens, w, 6),
            lambda y, w: expected_sums(y, tokens, w, 6),
            pair,
        )


@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_silent_row_is_not_heard(bad):
    y = torch.ones(5, 2)
    y[[0, 3]] = bad
    tokens, weights = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0.0, 2.0, 3.0, 1.0, 1.0])
    leaves = y.requires_grad_(), weights.requires_grad_()
    found = experts_triton.moe_combine_sorted(y, tokens, weights, 4)
    expected = torch.tensor([2.0, 3.0, bad, 0.0])[:, None].expand(4, 2)
    torch.testing.assert_close(found, expected, equal_nan=True)
    grads = torch.autograd.grad(found, leaves, torch.tensor([[INF], [1], [1], [1.0]]).expand(4, 2))
    assert grads[0][0].tolist() == [0, 0]
    assert grads[1].tolist()[:3] == [0, INF, 2]


def test_the_order_of_a_sum_is_that_of_the_rows():
    rows = torch.tensor([[1.0], [1e8], [-1e8]])
    tokens, ones = torch.tensor([1, 1, 1]), torch.ones(3)
    assert experts_triton.moe_combine_sorted(rows, tokens, ones, 2)[1].item() == 0
    assert experts_triton.moe_combine_sorted(rows.flip(0), tokens, ones, 2)[1].item() == 1


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0)])
def test_nothing_to_sum(shape):
    y = torch.randn(shape, requires_grad=True)
    weights = torch.randn(shape[:2], requires_grad=True)
    tokens = torch.arange(shape[0]).repeat_interleave(shape[1])
    for found in (
        experts_triton.moe_combine(y, weights),
        experts_triton.moe_combine_sorted(y.flatten(0, 1), tokens, weights.flatten(), shape[0]),
    ):
        assert torch.equal(found, torch.zeros(shape[0], shape[2]))
        grads = torch.autograd.grad(found.sum(), [y, weights])
        assert not grads[1].any()


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    tokens=st.lists(st.integers(0, 6), max_size=12),
    width=st.integers(1, 6),
    spare=st.integers(0, 2),
)
def test_any_number_of_rows(tokens, width, spare):
    number, index = max(tokens, default=-1) + 1 + spare, torch.tensor(tokens, dtype=torch.int64)
    y = torch.randn(len(tokens), width, dtype=torch.float64)
    weights = torch.randn(len(tokens), dtype=torch.float64)
    found = experts_triton.moe_combine_sorted(y, index, weights, number)
    torch.testing.assert_close(found, expected_sums(y, index, weights, number))


# --- the experts, and the choice of them ------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_products(dtype):
    torch.manual_seed(0)
    scale = 4 if dtype in (torch.float16, torch.bfloat16) else 1
    for experts, tokens, width, wide in ((3, 5, 35, 70), (1, 1, 1, 1)):
        x = torch.randn(experts, tokens, width).div(scale).to(dtype)
        w = torch.randn(experts, width, wide).div(scale).to(dtype)
        for pair in zip(laid_out(x), laid_out(w), strict=True):
            assert_same(experts_triton.expert_forward, torch.bmm, pair)


@pytest.mark.parametrize("tokens", [17, 64, 300])
def test_products_of_many_tokens(tokens):
    for dtype in (torch.float32, torch.bfloat16):
        x, w = torch.randn(2, tokens, 20).to(dtype), torch.randn(2, 20, 300).to(dtype)
        expected = torch.bmm(x.double(), w.double())
        tolerance = {"rtol": TOLERANCE[dtype], "atol": 5 * TOLERANCE[dtype]}
        found = experts_triton.expert_forward(x, w)
        torch.testing.assert_close(found.double(), expected, **tolerance)


@pytest.mark.parametrize("empty", range(4))
def test_products_of_nothing(empty):
    sizes = [2, 3, 4, 5]
    sizes[empty] = 0
    experts, tokens, width, wide = sizes
    x = torch.randn(experts, tokens, width, requires_grad=True)
    w = torch.randn(experts, width, wide, requires_grad=True)
    found = experts_triton.expert_forward(x, w)
    assert torch.equal(found, torch.zeros(experts, tokens, wide))
    grads = torch.autograd.grad(found.sum(), [x, w])
    assert torch.equal(grads[0], torch.zeros_like(x))
    assert torch.equal(grads[1], torch.zeros_like(w))


def test_a_token_that_is_not_finite_spoils_its_own_product():
    x, w = torch.ones(2, 3, 4), torch.ones(2, 4, 5)
    x[0, 1, 2] = NAN
    wrong = experts_triton.expert_forward(x, w).isnan()
    assert wrong[0, 1].all()
    assert wrong.sum() == 5


@pytest.mark.parametrize("renormalise", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gates(dtype, renormalise):
    torch.manual_seed(0)
    for tokens, experts, k in ((3, 11, 3), (2, 5, 5), (1, 1, 1)):
        # Equal logits of a coarse type would have no gradient of their own.
        logits = torch.stack([torch.randperm(experts) for _ in range(tokens)]) / 2
        for x in laid_out(logits.to(dtype)):
            weights, indices = experts_triton.topk_gating(x, k, renormalise=renormalise)
            assert indices.dtype == torch.int64
            assert torch.equal(indices, expected_gates(x, k, renormalise=renormalise)[1]), weights
            assert_same(
                lambda x, k=k: experts_triton.topk_gating(x, k, renormalise=renormalise)[0],
                lambda x, k=k: expected_gates(x, k, renormalise=renormalise)[0],
                [x],
            )


@pytest.mark.parametrize("renormalise", [True, False])
def test_gates_of_masked_experts(renormalise):
    logits = torch.tensor([[-INF, 1.0, -INF, 1.0, -INF], [-INF, -INF, -INF, -INF, 1e4]])
    leaf = logits.clone().requires_grad_()
    weights, indices = experts_triton.topk_gating(leaf, 4, renormalise=renormalise)
    assert torch.equal(weights, torch.tensor([[0.5, 0.5, 0, 0], [1, 0, 0, 0]]))
    assert all(len(set(row)) == 4 for row in indices.tolist())
    assert torch.equal(logits.gather(1, indices), logits.sort(descending=True)[0][:, :4])
    (grad,) = torch.autograd.grad(weights, leaf, torch.tensor([[1.0, 0, 0, 0]] * 2))
    first = torch.zeros(5).index_add_(0, indices[0, :2], torch.tensor([0.25, -0.25]))
    assert torch.equal(grad, torch.stack([first, torch.zeros(5)]))


def test_gates_of_no_tokens():
    logits = torch.empty(0, 4, requires_grad=True)
    weights, indices = experts_triton.topk_gating(logits, 2)
    assert weights.shape == indices.shape == (0, 2)
    assert torch.autograd.grad(weights.sum(), logits)[0].shape == (0, 4)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    row=st.lists(st.integers(-3, 3), min_size=1, max_size=20),
    tokens=st.integers(1, 3),
    share=st.floats(0, 1),
    renormalise=st.booleans(),
)
def test_equal_logits_are_chosen_once(row, tokens, share, renormalise):
    k = max(1, round(share * len(row)))
    logits = torch.tensor(
        [row[i % len(row) :] + row[: i % len(row)] for i in range(tokens)]
    ).double()
    weights, indices = experts_triton.topk_gating(logits, k, renormalise=renormalise)
    assert all(len(set(chosen)) == k for chosen in indices.tolist())
    expected, order = expected_gates(logits, k, renormalise=renormalise)
    torch.testing.assert_close(weights, expected)
    assert torch.equal(logits.gather(1, indices), logits.gather(1, order))


def test_gradients():
    def leaf(*shape):
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    check, ids = torch.autograd.gradcheck, torch.tensor([[1, 0, 1]])
    tokens, logits = torch.tensor([2, 0, 2]), torch.tensor([[0.5, 2.0, 1.0]]).double()
    assert check(lambda x: experts_triton.expert_batching_ragged(x, ids, 2)[0], leaf(1, 3, 2))
    assert check(experts_triton.moe_combine, (leaf(1, 2, 2), leaf(1, 2)))
    assert check(
        lambda y, w: experts_triton.moe_combine_sorted(y, tokens, w, 3), (leaf(3, 1), leaf(3))
    )
    assert check(experts_triton.expert_forward, (leaf(1, 2, 2), leaf(1, 2, 1)))
    for whole in (True, False):
        assert check(
            lambda x, r=whole: experts_triton.topk_gating(x, 2, renormalise=r)[0],
            logits.requires_grad_(),
        )
