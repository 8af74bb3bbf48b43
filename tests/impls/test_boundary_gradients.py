"""Every contender for the gradient of boundaries: published numbers, the contract, the traps."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.impls.contenders import COMPILER, DTYPES, Kit

KIT = Kit(
    "opbench.suites.boundaries",
    "opbench.suites.boundary_gradients",
    "opbench.impls.pooling_matrix",
    "opbench.impls.boundary_gradients",
)
MATRIX, JACOBIAN, VJP = "pooling_matrix", "pooling_matrix_jacobian", "boundary_vjp"
ALL = KIT.pairs(MATRIX, JACOBIAN, VJP)
LAYOUTS = ("contiguous", "transposed", "sliced")

# The matrices of a published analysis of the construction, for one sequence of ten tokens.
MARKS = torch.tensor([0.0, 0, 1, 1, 0, 1, 0, 0, 0, 1])
THREE = torch.tensor([[-2 / 9, -1 / 9, 0], [1 / 9, -1 / 9, 0], [1 / 9, 2 / 9, 0]])
TWO = torch.tensor([[-0.25, 0], [0.25, 0]])
FOUR = torch.tensor(
    [
        [-0.1875, -0.125, -0.0625, 0],
        [0.0625, -0.125, -0.0625, 0],
        [0.0625, 0.125, -0.0625, 0],
        [0.0625, 0.125, 0.1875, 0],
    ]
)
PUBLISHED = torch.block_diag(THREE, torch.zeros(1, 1), TWO, FOUR)


def call(op, name, *args, **options):
    return KIT.function(op, name)(*args, **options)


def distances(marks, slots):
    """How far the slot is from the number of boundaries before the token, [B, L, S]."""
    before = marks.cumsum(1) - marks
    return torch.arange(slots) - before.unsqueeze(2)


def relaxed(marks, around, *, scale=1.0):
    """The construction for any real boundaries near `around`, where the mask is taken."""
    slots = int(around.sum(1).max())
    weights = torch.where(distances(around, slots) == 0, 1 - scale * distances(marks, slots), 0.0)
    return weights / weights.sum(1, keepdim=True).clamp(min=1e-300)


# --- the published numbers -------------------------------------------------------------------


@pytest.mark.parametrize("name", KIT.names(MATRIX))
def test_a_boundary_ends_its_group(name):
    sizes = torch.tensor([3, 1, 2, 4])
    expected = torch.block_diag(*(torch.full((n, 1), 1 / n) for n in sizes.tolist()))
    torch.testing.assert_close(call(MATRIX, name, MARKS[None])[0], expected)


@pytest.mark.parametrize("scale", [1.0, -2.0])
@pytest.mark.parametrize("name", KIT.names(JACOBIAN))
def test_the_published_jacobians(name, scale):
    found = call(JACOBIAN, name, MARKS, scale=scale)
    torch.testing.assert_close(found, scale * PUBLISHED, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", KIT.names(MATRIX))
def test_a_row_of_the_jacobian_is_the_gradient_of_the_entry(name):
    marks = MARKS.clone().requires_grad_()
    entries = call(MATRIX, name, marks[None])[0].sum(1)
    rows = [torch.autograd.grad(entry, marks, retain_graph=True)[0] for entry in entries]
    torch.testing.assert_close(torch.stack(rows), PUBLISHED, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", KIT.names(JACOBIAN))
def test_the_open_group_after_the_last_boundary_gets_nothing(name):
    found = call(JACOBIAN, name, torch.tensor([0.0, 1, 0, 0, 0]))
    expected = torch.block_diag(torch.tensor([[-0.25, 0], [0.25, 0]]), torch.zeros(3, 3))
    torch.testing.assert_close(found, expected)
    assert not call(JACOBIAN, name, torch.zeros(4)).any()


@pytest.mark.parametrize("name", KIT.names(JACOBIAN))
def test_a_boundary_moves_weight_within_its_group_and_gets_nothing_itself(name):
    marks = (torch.arange(40) % 7 == 3).double()
    found = call(JACOBIAN, name, marks)
    torch.testing.assert_close(found.sum(0), torch.zeros(40).double(), atol=1e-15, rtol=0)
    assert not found[:, marks == 1].abs().ge(1e-15).any()
    group = marks.cumsum(0) - marks
    assert not found[group[:, None] != group].abs().ge(1e-15).any()


@pytest.mark.parametrize("scale", [-2.0, 0.5])
def test_the_scale_does_not_show_in_the_forward_pass(scale):
    plain, scaled = (relaxed(MARKS[None], MARKS[None], scale=s) for s in (1.0, scale))
    assert torch.equal(plain, scaled)


@pytest.mark.parametrize("name", KIT.names(MATRIX))
def test_rows_with_fewer_boundaries_keep_their_tail(name):
    marks = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    found = call(MATRIX, name, marks)
    expected = torch.tensor(
        [
            [[1, 0], [0, 0.5], [0, 0.5], [0, 0]],
            [[0.5, 0], [0.5, 0], [0, 0.5], [0, 0.5]],
            [[0.25, 0], [0.25, 0], [0.25, 0], [0.25, 0]],
        ]
    )
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", KIT.names(MATRIX))
def test_an_open_tail_that_is_kept_passes_gradient(name):
    marks = torch.tensor([[1.0, 0, 1], [0, 0, 0]]).requires_grad_()
    call(MATRIX, name, marks)[1, 2, 0].backward()
    torch.testing.assert_close(marks.grad, torch.tensor([[0.0, 0, 0], [1 / 9, 2 / 9, 0]]))


# --- the product with the groups' gradients --------------------------------------------------


@pytest.mark.parametrize("name", KIT.names(VJP))
def test_boundary_gradient_is_the_excess_of_later_tokens_over_the_mean(name):
    marks = torch.tensor([[0.0, 0, 1, 1, 0, 0]])
    hidden = torch.tensor([1.0, 2, 6, 5, 7, 9]).view(6, 1, 1)
    grads = torch.tensor([math.nan, 10, 1]).view(3, 1, 1)
    found = call(VJP, name, marks, hidden, grads)
    torch.testing.assert_close(found, torch.tensor([[20 / 3, 10, 0, 0, 0, 0]]))


@pytest.mark.parametrize("scale", [1.0, -2.0])
@pytest.mark.parametrize("name", KIT.names(VJP))
def test_it_is_the_derivative_of_the_relaxed_construction(name, scale):
    marks = torch.tensor([[0.0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0]], dtype=torch.float64)
    hidden, grads = torch.randn(6, 2, 3).double(), torch.randn(3, 2, 3).double()

    def loss(moved):
        return torch.einsum("bls,lbd,sbd->", relaxed(moved, marks, scale=scale), hidden, grads[1:])

    step = 1e-6 * torch.eye(12).double().view(12, 2, 6)
    steps = [(loss(marks + s) - loss(marks - s)) / 2e-6 for s in step]
    found = call(VJP, name, marks, hidden, grads, scale=scale)
    torch.testing.assert_close(found, torch.stack(steps).view(2, 6), atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("name", KIT.names(MATRIX))
def test_the_matrix_has_the_derivative_of_the_relaxed_construction(name):
    marks = torch.tensor([[0.0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0]], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(KIT.function(MATRIX, name), marks)
    step = 1e-6 * torch.eye(12).double().view(12, 2, 6)
    steps = [(relaxed(marks + s, marks) - relaxed(marks - s, marks)) / 2e-6 for s in step]
    expected = torch.stack(steps, -1).view(2, 6, 2, 2, 6)
    torch.testing.assert_close(jacobian, expected, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("groups", [1, 2, 5])
@pytest.mark.parametrize("name", KIT.names(VJP))
def test_the_gradient_says_how_many_groups_there_are(name, groups):
    marks = torch.tensor([[0.0, 1, 0, 0, 1, 0, 0]])
    hidden, grads = torch.randn(7, 1, 4), torch.randn(groups + 1, 1, 4)
    found = call(VJP, name, marks, hidden, grads)[0]
    sent = [place for place in (0, 2, 3, 5) if found[place].abs() > 1e-4]
    assert sent == [0, 2, 3, 5][: {1: 1, 2: 3, 5: 4}[groups]]


@pytest.mark.parametrize("name", KIT.names(VJP))
def test_it_works_where_no_gradient_is_recorded(name):
    given = KIT.make(VJP, "normal", {"L": 9, "B": 2, "D": 3})
    with torch.no_grad():
        found = call(VJP, name, *given.args)
    assert not found.requires_grad


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KIT.names(VJP))
def test_failures_are_those_that_caveats_declare(name, dtype):
    inputs = KIT.make(VJP, "nonfinite", {"L": 101, "B": 2, "D": 5}, dtype=dtype)
    worst = max(KIT.errors(VJP, inputs, KIT.function(VJP, name), dtype))
    assert KIT.shows(VJP, name, "nonfinite", [dtype]) in (None, worst > 1)


@pytest.mark.parametrize("name", KIT.names(JACOBIAN))
def test_scaling_is_exact_for_the_jacobian(name):
    marks = (torch.arange(23) % 5 == 3).float()
    plain = call(JACOBIAN, name, marks)
    assert torch.equal(call(JACOBIAN, name, marks, scale=-2.0), -2 * plain)
    assert not call(JACOBIAN, name, marks, scale=0).any()


@pytest.mark.parametrize("name", KIT.names(VJP))
def test_scaling_is_exact_for_the_product(name):
    given = KIT.make(VJP, "normal", {"L": 23, "B": 2, "D": 3})
    plain = call(VJP, name, *given.args)
    assert torch.equal(call(VJP, name, *given.args, scale=-2.0), -2 * plain)
    assert not call(VJP, name, *given.args, scale=0).any()


# --- what upsampling does --------------------------------------------------------------------


def test_the_matrix_of_upsampling_passes_nothing_to_the_boundaries():
    marks = MARKS[None].double().requires_grad_()
    distance = torch.arange(5) - marks.cumsum(1).unsqueeze(2)
    weights = torch.where(distance == 0, 1 - distance, 0.0)
    matrix = weights / weights.sum(2, keepdim=True)  # one weight, over itself
    assert matrix[0].argmax(1).tolist() == [0, 0, 1, 2, 2, 3, 3, 3, 3, 4]
    (gradient,) = torch.autograd.grad(matrix, marks, torch.randn_like(matrix))
    assert torch.equal(gradient, torch.zeros_like(gradient))
    assert KIT.catalog.ops["boundary_upsample"].grad == ("shortened",)


# --- what the documents do is refused --------------------------------------------------------


def starting(boundaries):
    """As the documents say it: a boundary is the first token of its group."""
    slots = int(boundaries.sum(1).max())
    started = boundaries.detach().cumsum(1).unsqueeze(2)
    weights = (torch.arange(slots) == started).to(boundaries.dtype)
    return weights / weights.sum(1, keepdim=True).clamp(min=1)


def with_epsilon(boundaries):
    """As the documents compute it: every sum has a little added."""
    slots = int(boundaries.sum(1).max())
    distance = distances(boundaries, slots)
    weights = torch.where(distance == 0, 1 - distance, 0.0)
    return weights / (weights.sum(1, keepdim=True) + 1e-9)


def counting_in_half(boundaries):
    """As the documents compute it: the boundaries are counted in their own type."""
    slots = int(boundaries.detach().double().sum(1).max())  # that would be wrong too
    distance = distances(boundaries, slots)
    weights = torch.where(distance == 0, 1 - distance, 0.0)
    return weights / weights.sum(1, keepdim=True).clamp(min=1)


@pytest.mark.parametrize(
    ("wrong", "kind", "dtype"),
    [
        (starting, "normal", torch.float32),
        (with_epsilon, "normal", torch.float64),
        (counting_in_half, "dense", torch.bfloat16),
    ],
)
def test_the_check_refuses_what_the_documents_do(wrong, kind, dtype):
    given = KIT.make(MATRIX, kind, {"L": 400, "B": 2}, dtype=dtype)
    assert KIT.errors(MATRIX, given, wrong, dtype)[0] > 1


def test_the_check_refuses_a_gradient_without_the_sums():
    """Each weight over a sum that is taken for a constant."""

    def wrong(boundaries):
        weights = relaxed(boundaries, boundaries.detach())
        sums = (weights.detach() > 0).sum(1, keepdim=True).clamp(min=1)
        slots = weights.shape[2]
        raw = torch.where(distances(boundaries, slots) == 0, 1 - distances(boundaries, slots), 0.0)
        return raw / sums

    given = KIT.make(MATRIX, "normal", {"L": 40, "B": 2})
    value, gradient = KIT.errors(MATRIX, given, wrong, torch.float32)
    assert value <= 1 < gradient


# --- the contract ----------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "name"), ALL)
def test_edge_shapes(op, name):
    declared = KIT.catalog.ops[op]
    for axes in declared.edge.values():
        for kind in ("normal", "none", "few_groups"):
            if kind in declared.inputs:
                inputs = KIT.make(op, kind, axes)
                assert max(KIT.errors(op, inputs, KIT.function(op, name), torch.float32)) <= 1


@pytest.mark.parametrize(("op", "name"), ALL)
@settings(deadline=None, max_examples=9, derandomize=True)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), layout=st.sampled_from(LAYOUTS))
def test_agrees_with_the_contract(op, name, data, dtype, layout):
    declared = KIT.catalog.ops[op]
    limits = {"L": 40, "B": 3, "D": 9}
    axes = {axis: data.draw(st.integers(0, limits[axis]), axis) for axis in declared.axes}
    kind = data.draw(st.sampled_from([k for k in declared.inputs if k != "nonfinite"]))
    seed = data.draw(st.integers(0, 99))
    inputs = KIT.make(op, kind, axes, dtype=dtype, seed=seed, layout=layout)
    assert max(KIT.errors(op, inputs, KIT.function(op, name), dtype)) <= 1


@pytest.mark.parametrize("name", KIT.names(MATRIX))
def test_the_matrix_is_contiguous(name):
    given = KIT.make(MATRIX, "normal", {"L": 9, "B": 3}, layout="transposed")
    assert call(MATRIX, name, *given.args).is_contiguous()


def test_the_contract_of_the_product_is_that_of_the_matrix():
    given = KIT.make(VJP, "tails", {"L": 30, "B": 3, "D": 4}, dtype=torch.float64)
    marks, hidden, grads = given.args
    leaf = marks.clone().requires_grad_()
    matrix = KIT.catalog.ops[MATRIX].oracle(leaf)
    means = torch.einsum("bls,lbd->sbd", matrix, hidden)
    (expected,) = torch.autograd.grad(means, leaf, grads[1:])
    torch.testing.assert_close(KIT.catalog.ops[VJP].oracle(*given.args), expected)
    jacobian = torch.autograd.functional.jacobian(
        lambda row: KIT.catalog.ops[MATRIX].oracle(row[None])[0].sum(1), marks[2]
    )
    torch.testing.assert_close(KIT.catalog.ops[JACOBIAN].oracle(marks[2]), jacobian)


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
def test_the_kernel_is_an_op_that_torch_can_trace():
    from opbench.impls.kernels import boundary_vjp_cpp

    given = KIT.make(VJP, "normal", {"L": 9, "B": 2, "D": 3})
    ops = boundary_vjp_cpp.load_ops(boundary_vjp_cpp.SOURCE)
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(ops.boundary_vjp, (*given.args, 1.0), test_utils=checks)


# --- what is refused -------------------------------------------------------------------------

MARKED, TOKENS, GRADS = torch.tensor([[0.0, 1.0, 0.0]]), torch.zeros(3, 1, 2), torch.zeros(2, 1, 2)


@pytest.mark.parametrize(
    ("op", "args", "options", "error", "message"),
    [
        (MATRIX, (MARKED[0],), {}, ValueError, "boundaries: shape [3], only 2 axes"),
        (MATRIX, (MARKED.bool(),), {}, TypeError, "boundaries: torch.bool, only floating-point"),
        (MATRIX, (MARKED.long(),), {}, TypeError, "boundaries: torch.int64, only floating-point"),
        (MATRIX, (MARKED / 2,), {}, ValueError, "boundaries: 0.5 among 1 such values, only 0"),
        (JACOBIAN, (MARKED,), {}, ValueError, "boundaries: shape [1, 3], only 1 axes"),
        (JACOBIAN, (MARKED[0],), {"scale": True}, TypeError, "scale: True, only a float"),
        (JACOBIAN, (MARKED[0],), {"scale": math.inf}, ValueError, "scale: inf, only finite"),
        (VJP, (MARKED.bool(), TOKENS, GRADS), {}, TypeError, "boundaries: torch.bool, only"),
        (VJP, (MARKED, TOKENS[:2], GRADS), {}, ValueError, "hidden: shape [2, 1, 2], only [L"),
        (VJP, (MARKED, TOKENS, GRADS[:0]), {}, ValueError, "grad_out: shape [0, 1, 2], only"),
        (VJP, (MARKED, TOKENS, GRADS[..., :1]), {}, ValueError, "grad_out: shape [2, 1, 1]"),
        (VJP, (MARKED, TOKENS[0], GRADS), {}, ValueError, "hidden: shape [1, 2], only 3 axes"),
        (VJP, (MARKED, TOKENS.double(), GRADS), {}, TypeError, "hidden: torch.float64, only"),
        (VJP, (MARKED, TOKENS, GRADS.half()), {}, TypeError, "grad_out: torch.float16, only"),
        (VJP, (MARKED, TOKENS, GRADS), {"scale": "1"}, TypeError, "scale: '1', only a float"),
    ],
)
def test_bad_input_is_named(op, args, options, error, message):
    with pytest.raises(error, match=re.escape(f"{op}: {message}")):
        KIT.catalog.call(op, *args, impl=KIT.names(op)[0], **options)
