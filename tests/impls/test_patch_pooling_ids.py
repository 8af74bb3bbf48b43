"""Every contender for patch pooling by ids: the worked example, the contract, the traps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.harness.declare import SAME_VALUES
from tests.impls.contenders import DTYPES, QUIET, Kit

KIT = Kit("opbench.suites.pooling", "opbench.impls.patch_pooling_ids")
OP = "patch_pooling_ids"
NAMES = KIT.names(OP)
KINDS = ["normal", "text", "giant", "empty", "short", "int32", "unsorted", "outside"]


def rows(*values, width=5):
    return torch.tensor(values, dtype=torch.float32)[:, :, None].repeat(1, 1, width)


@pytest.mark.parametrize("name", NAMES)
def test_worked_example(name):
    tokens = rows([1, 1, 1, 2, 3, 3], [4, 4, 4, 4, 5, -1], [6, -1, -1, -1, -1, -1])
    ids = torch.tensor([[0, 0, 0, 1, 2, 2], [0, 0, 0, 0, 1, -1], [0, 3, 7, -5, 3, 3]])
    torch.testing.assert_close(
        KIT.function(OP, name)(tokens, ids, 3), rows([1, 2, 3], [4, 5, -1], [6, -1, -1])
    )


@pytest.mark.parametrize("name", NAMES)
def test_ids_in_any_order(name):
    tokens = rows([1, 2, 3, 4, 5])
    ids = torch.tensor([[2, 0, 2, 1, 0]], dtype=torch.int32)
    torch.testing.assert_close(
        KIT.function(OP, name)(tokens, ids, 4, fill=9.0), rows([3.5, 4, 2, 9])
    )


@pytest.mark.parametrize("name", NAMES)
def test_dropped_tokens_stay_out_of_the_neighbouring_sequence(name):
    if KIT.admits(OP, name, "nonfinite"):
        pytest.skip("admits that it leaks")
    bad = float("nan")
    tokens = rows([bad, 1, bad], [bad, 2, bad])
    ids = torch.tensor([[-1, 0, 2], [2, 1, -1]])
    torch.testing.assert_close(KIT.function(OP, name)(tokens, ids, 2), rows([1, -1], [-1, 2]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_a_long_patch_of_halves_is_summed_in_float32(name, dtype):
    tokens = torch.full((1, 1000, 2), 100.0, dtype=dtype)
    found = KIT.function(OP, name)(tokens, torch.zeros(1, 1000, dtype=torch.int64), 1)
    torch.testing.assert_close(found, tokens[:, :1])


@pytest.mark.parametrize("kind", ["nonfinite", "cancelling"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_failures_are_those_that_caveats_declare(name, dtype, kind):
    inputs = KIT.make(OP, kind, {"B": 2, "S": 101, "D": 5, "P": 17}, dtype=dtype)
    if KIT.refuses(OP, name, inputs):
        pytest.skip("not in this dtype")
    assert (max(KIT.errors(OP, inputs, KIT.function(OP, name), dtype)) > 1) == KIT.admits(
        OP, name, kind
    )


@pytest.mark.parametrize("shape", list(KIT.catalog.ops[OP].edge))
@pytest.mark.parametrize("name", NAMES)
def test_edge_shapes(name, shape):
    for kind in ("normal", "outside"):
        inputs = KIT.make(OP, kind, KIT.catalog.ops[OP].edge[shape])
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
    kind=st.sampled_from(KINDS),
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
    tokens = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True)
    ids = torch.tensor([[2, 0, 2, -1, 0], [1, 1, 3, 0, 1]])
    if KIT.refuses(OP, name, {"tokens": tokens, "ids": ids, "num_patches": 3}):
        pytest.skip("not in float64")
    assert torch.autograd.gradcheck(lambda given: KIT.function(OP, name)(given, ids, 3), (tokens,))


@QUIET
@pytest.mark.parametrize("name", KIT.names(OP, compiled=True))
def test_compiled(name):
    compiled = KIT.function(OP, name)
    for kind in ("unsorted", "outside", "nonfinite"):
        inputs = KIT.make(OP, kind, {"B": 2, "S": 40, "D": 9, "P": 7})
        assert max(KIT.errors(OP, inputs, compiled, torch.float32)) <= 1
