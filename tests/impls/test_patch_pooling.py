"""Every contender for patch pooling by lengths: the worked example, the contract, the traps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.harness.declare import SAME_VALUES
from tests.impls.contenders import DTYPES, QUIET, Kit

KIT = Kit("opbench.suites.pooling", "opbench.impls.patch_pooling")
OP = "patch_pooling"
NAMES = KIT.names(OP)


def rows(*values, width=5):
    return torch.tensor(values, dtype=torch.float32)[:, :, None].repeat(1, 1, width)


def run(name, tokens, lengths, **options):
    reason = KIT.refuses(OP, name, {"tokens": tokens, "lengths": lengths})
    if reason:
        pytest.skip(reason)
    return KIT.function(OP, name)(tokens, lengths, **options)


@pytest.mark.parametrize("name", NAMES)
def test_worked_example(name):
    tokens = rows([1, 1, 1, 2, 3, 3], [4, 4, 4, 4, 5, -1], [6, -1, -1, -1, -1, -1])
    lengths = torch.tensor([[3, 1, 2], [4, 1, 0], [1, 0, 0]])
    torch.testing.assert_close(run(name, tokens, lengths), rows([1, 2, 3], [4, 5, -1], [6, -1, -1]))


@pytest.mark.parametrize("name", NAMES)
def test_worked_example_of_equal_lengths(name):
    tokens = rows([1, 3, 5, 7, 100], [2, 2, 0, 4, 100])
    lengths = torch.tensor([[2, 2], [2, 2]], dtype=torch.int32)
    torch.testing.assert_close(run(name, tokens, lengths), rows([2, 6], [2, 2]))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_empty_patches(name):
    tokens = rows([1, 2, 3])
    found = run(name, tokens, torch.zeros(1, 4, dtype=torch.int64), fill=0.1)
    assert torch.equal(found, torch.full((1, 4, 5), 0.1))


@pytest.mark.parametrize("name", NAMES)
def test_fill_keeps_every_digit_in_float64(name):
    tokens = torch.ones(1, 2, 3, dtype=torch.float64)
    found = run(name, tokens, torch.zeros(1, 2, dtype=torch.int64), fill=0.1)
    assert found.flatten().tolist() == [0.1] * 6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_a_long_patch_of_halves_is_summed_in_float32(name, dtype):
    tokens = torch.full((1, 1000, 2), 100.0, dtype=dtype)  # their sum is past float16's largest
    found = run(name, tokens, torch.tensor([[1000]]))
    torch.testing.assert_close(found, tokens[:, :1])


@pytest.mark.parametrize("name", NAMES)
def test_tokens_past_the_sum_are_ignored(name):
    if KIT.admits(OP, name, "nonfinite"):
        pytest.skip("admits that it leaks")
    tokens = rows([1, 3, float("nan"), float("inf")])
    torch.testing.assert_close(run(name, tokens, torch.tensor([[1, 1]])), rows([1, 3]))


@pytest.mark.parametrize("kind", ["nonfinite", "cancelling"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_failures_are_those_that_caveats_declare(name, dtype, kind):
    inputs = KIT.make(OP, kind, {"B": 2, "S": 101, "D": 5, "P": 17}, dtype=dtype)
    if KIT.refuses(OP, name, inputs):
        pytest.skip("not on ragged lengths, or not in this dtype")
    assert (max(KIT.errors(OP, inputs, KIT.function(OP, name), dtype)) > 1) == KIT.admits(
        OP, name, kind
    )


@pytest.mark.parametrize("shape", list(KIT.catalog.ops[OP].edge))
@pytest.mark.parametrize("name", NAMES)
def test_edge_shapes(name, shape):
    for kind in ("normal", "empty", "equal"):
        inputs = KIT.make(OP, kind, KIT.catalog.ops[OP].edge[shape])
        if not KIT.refuses(OP, name, inputs):
            assert max(KIT.errors(OP, inputs, KIT.function(OP, name), torch.float32)) <= 1


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=12, derandomize=True)
@given(
    axes=st.fixed_dictionaries(
        {
            "B": st.integers(0, 3),
            "S": st.integers(0, 40),
            "D": st.integers(0, 9),
            "P": st.integers(0, 12),
        }
    ),
    kind=st.sampled_from(["normal", "text", "skewed", "giant", "empty", "short", "equal", "int32"]),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(SAME_VALUES),
    seed=st.integers(0, 99),
)
def test_agrees_with_the_contract(name, axes, kind, dtype, layout, seed):
    inputs = KIT.make(OP, kind, axes, dtype=dtype, seed=seed, layout=layout)
    if not KIT.refuses(OP, name, inputs):
        assert max(KIT.errors(OP, inputs, KIT.function(OP, name), dtype)) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_gradient_by_differences(name):
    tokens = torch.randn(2, 6, 2, dtype=torch.float64, requires_grad=True)
    ragged = torch.tensor([[2, 0, 3], [1, 4, 1]])
    lengths = ragged
    if KIT.refuses(OP, name, {"tokens": tokens, "lengths": ragged}):
        lengths = torch.full((2, 3), 2)
    if KIT.refuses(OP, name, {"tokens": tokens, "lengths": lengths}):
        pytest.skip("not in float64")
    assert torch.autograd.gradcheck(lambda given: KIT.function(OP, name)(given, lengths), (tokens,))


def test_padding_contenders_refuse_what_would_not_fit():
    tokens = torch.empty(1, 1).expand(1 << 20, 1, 1024).expand(1 << 20, 1 << 10, 1024)
    lengths = torch.full((1 << 20, 1), 1 << 10)
    assert "4 GiB" in KIT.refuses(OP, "padded_gather", {"tokens": tokens, "lengths": lengths})


@QUIET
@pytest.mark.parametrize("name", KIT.names(OP, compiled=True))
def test_compiled(name):
    compiled = KIT.function(OP, name)
    for kind in ("normal", "empty", "nonfinite"):
        inputs = KIT.make(OP, kind, {"B": 2, "S": 40, "D": 9, "P": 7})
        assert max(KIT.errors(OP, inputs, compiled, torch.float32)) <= 1
