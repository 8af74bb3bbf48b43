"""Every contender for shortening and lengthening: worked examples, the contract, the traps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.harness.declare import SAME_VALUES
from tests.impls.contenders import DTYPES, QUIET, Kit

KIT = Kit(
    "opbench.suites.boundaries",
    "opbench.impls.boundary_downsample",
    "opbench.impls.boundary_upsample",
)
DOWN, UP = "boundary_downsample", "boundary_upsample"
BOTH = [(op, name) for op in (DOWN, UP) for name in KIT.names(op)]
KINDS = ["normal", "none", "all", "dense", "tails", "bool", "int64", "uint8"]


def column(*values, width=2):
    """[len, 1, width] of one sequence."""
    return torch.tensor(values, dtype=torch.float32)[:, None, None].repeat(1, 1, width)


@pytest.mark.parametrize("kind", [torch.bool, torch.int64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", KIT.names(DOWN))
def test_a_boundary_ends_its_group(name, kind):
    marks = torch.tensor([[0, 0, 1, 1, 0, 1, 0]]).to(kind)
    found = KIT.function(DOWN, name)(marks, column(1, 2, 6, 5, 3, 4, 9), column(-7))
    torch.testing.assert_close(found, column(-7, 3, 5, 3.5))


@pytest.mark.parametrize("name", KIT.names(DOWN))
def test_rows_with_fewer_boundaries_keep_their_tail(name):
    marks = torch.tensor([[1, 0, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    hidden = torch.arange(1.0, 7.0)[:, None, None].repeat(1, 3, 2)
    found = KIT.function(DOWN, name)(marks, hidden, torch.zeros(1, 1, 2))
    expected = torch.tensor([[0.0, 1, 2.5, 4.5], [0, 1.5, 4.5, 0], [0, 3.5, 0, 0]])
    torch.testing.assert_close(found[..., 0], expected.T)


@pytest.mark.parametrize(("groups", "expected"), [(0, [9]), (1, [9, 1]), (4, [9, 1, 2.5, 4, 0])])
@pytest.mark.parametrize("name", KIT.names(DOWN))
def test_a_given_number_of_groups(name, groups, expected):
    marks = torch.tensor([[1, 0, 1, 0]])
    found = KIT.function(DOWN, name)(marks, column(1, 2, 3, 4), column(9), groups=groups)
    torch.testing.assert_close(found, column(*expected))


@pytest.mark.parametrize("name", KIT.names(DOWN))
def test_without_boundaries_there_is_the_null_group_alone(name):
    found = KIT.function(DOWN, name)(torch.zeros(1, 3), column(1, 2, 3), column(9))
    torch.testing.assert_close(found, column(9))


@pytest.mark.parametrize("name", KIT.names(UP))
def test_a_token_reads_the_last_group_that_ended(name):
    marks = torch.tensor([[0, 0, 1, 1, 0, 1, 0]])
    found = KIT.function(UP, name)(marks, column(-7, 1, 2, 3))
    torch.testing.assert_close(found, column(-7, -7, 1, 2, 2, 3, 3))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("op", "name"), BOTH)
def test_boundaries_are_not_counted_in_half_precision(op, name, kind):
    size = 3000  # a running sum of ones stops at 256 in bfloat16 and at 2048 in float16
    marks = torch.ones(1, size, dtype=kind)
    tokens = torch.arange(size + 1.0)[:, None, None]
    if op == DOWN:
        found = KIT.function(op, name)(marks, tokens[1:], tokens[:1])
        assert torch.equal(found, tokens)
    else:
        assert torch.equal(KIT.function(op, name)(marks, tokens), tokens[1:])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "name"), BOTH)
def test_failures_are_those_that_caveats_declare(op, name, dtype):
    inputs = KIT.make(op, "nonfinite", {"L": 101, "B": 2, "D": 5}, dtype=dtype)
    worst = max(KIT.errors(op, inputs, KIT.function(op, name), dtype))
    assert (worst > 1) == KIT.admits(op, name, "nonfinite")


@pytest.mark.parametrize("shape", list(KIT.catalog.ops[DOWN].edge))
@pytest.mark.parametrize(("op", "name"), BOTH)
def test_edge_shapes(op, name, shape):
    for kind in ("normal", "tails", "known_groups" if op == DOWN else "spare_rows"):
        inputs = KIT.make(op, kind, KIT.catalog.ops[op].edge[shape])
        assert max(KIT.errors(op, inputs, KIT.function(op, name), torch.float32)) <= 1


@pytest.mark.parametrize(("op", "name"), BOTH)
@settings(deadline=None, max_examples=12, derandomize=True)
@given(
    axes=st.fixed_dictionaries(
        {"L": st.integers(0, 40), "B": st.integers(0, 3), "D": st.integers(0, 9)}
    ),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(SAME_VALUES),
    seed=st.integers(0, 99),
)
def test_agrees_with_the_contract(op, name, axes, kind, dtype, layout, seed):
    inputs = KIT.make(op, kind, axes, dtype=dtype, seed=seed, layout=layout)
    assert max(KIT.errors(op, inputs, KIT.function(op, name), dtype)) <= 1


@pytest.mark.parametrize(("op", "name"), BOTH)
def test_gradient_by_differences(op, name):
    marks = torch.tensor([[0, 1, 0, 1, 0], [1, 0, 0, 0, 0]])
    given = [torch.randn(5, 2, 2), torch.randn(1, 1, 2)] if op == DOWN else [torch.randn(3, 2, 2)]
    leaves = tuple(tensor.double().requires_grad_() for tensor in given)
    assert torch.autograd.gradcheck(lambda *args: KIT.function(op, name)(marks, *args), leaves)


@pytest.mark.parametrize("name", ["gather", "index_select", "loop", "repeat_interleave"])
def test_integers_are_moved_as_they_are(name):
    marks = torch.tensor([[0, 1, 1]])
    found = KIT.function(UP, name)(marks, torch.tensor([[[1]], [[2]], [[3]]]))
    assert found.dtype == torch.int64
    assert found.flatten().tolist() == [1, 2, 3]


@QUIET
@pytest.mark.parametrize("name", KIT.names(DOWN, compiled=True))
def test_compiled(name):
    inputs = KIT.make(DOWN, "nonfinite", {"L": 40, "B": 2, "D": 9})
    assert max(KIT.errors(DOWN, inputs, KIT.function(DOWN, name), torch.float32)) <= 1


@pytest.mark.parametrize(("op", "name"), BOTH)
def test_boundaries_may_come_from_a_predictor(op, name):
    marks = torch.tensor([[0.0, 1, 0]], requires_grad=True)
    rest = [column(1, 2, 3), column(9)] if op == DOWN else [column(1, 2)]
    rest[0].requires_grad_()
    KIT.function(op, name)(marks, *rest).sum().backward()
    assert marks.grad is None
    assert rest[0].grad.abs().sum() > 0
