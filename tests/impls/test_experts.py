"""Every contender of the mixture-of-experts ops: worked examples, the contracts, the traps."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.impls.contenders import DTYPES, Kit

KIT = Kit(
    "opbench.suites.experts",
    "opbench.impls.expert_batching",
    "opbench.impls.moe_combine",
    "opbench.impls.expert_forward",
    "opbench.impls.topk_gating",
)
OPS = KIT.catalog.ops
EQUAL, RAGGED = "expert_batching", "expert_batching_ragged"
COMBINE, SORTED = "moe_combine", "moe_combine_sorted"
FORWARD, GATING = "expert_forward", "topk_gating"
NAN, INF = float("nan"), float("inf")


def answers(op, name, *args, **options):
    """What a contender returns; the test is skipped where it doesn't take the arguments."""
    given = {**dict(zip(OPS[op].arguments, args, strict=True)), **options}
    if refusal := KIT.refuses(op, name, given):
        pytest.skip(refusal)
    return KIT.function(op, name)(*args, **options)


def contenders(op):
    return pytest.mark.parametrize("name", KIT.names(op))


def agrees(op, name, inputs, dtype, *, gradients=True):
    """Whether a contender that takes the inputs answers them within the tolerance."""
    if KIT.refuses(op, name, inputs):
        return True
    found = KIT.errors(op, inputs, KIT.function(op, name), dtype, gradients=gradients)
    return max(found, default=0.0) <= 1


# --- worked examples --------------------------------------------------------------------------

TOKENS = torch.arange(12.0).view(2, 3, 2)


@contenders(EQUAL)
def test_experts_get_their_tokens_in_order(name):
    ids = torch.tensor([[2, 0, 1], [0, 2, 1]])
    found = answers(EQUAL, name, TOKENS, ids, 3)
    assert found.tolist() == [[[2, 3], [6, 7]], [[4, 5], [10, 11]], [[0, 1], [8, 9]]]


@contenders(RAGGED)
def test_experts_may_get_different_numbers_of_tokens_or_none(name):
    ids = torch.tensor([[3, 0, 3], [3, 1, 0]])
    rows, offsets = answers(RAGGED, name, TOKENS, ids, 5)
    assert rows[:, 0].tolist() == [2, 10, 8, 0, 4, 6]
    assert offsets.dtype == torch.int64
    assert offsets.tolist() == [0, 2, 3, 3, 6, 6]


@pytest.mark.parametrize(("op", "name"), KIT.pairs(EQUAL, RAGGED))
def test_many_tokens_of_one_expert_keep_their_order(op, name):
    # A sort that isn't stable begins to mix equal keys from a few dozen on.
    x = torch.arange(600.0).view(2, 300, 1)
    found = answers(op, name, x, torch.zeros(2, 300, dtype=torch.int64), 1)
    rows = found if op == EQUAL else found[0]
    assert torch.equal(rows.flatten(), x.flatten())


@pytest.mark.parametrize("op", [EQUAL, RAGGED])
@pytest.mark.parametrize("name", ["loop", "index_select", "gather", "einops", "index_copy", "cpp"])
def test_integers_are_moved_as_they_are(op, name):
    x = torch.arange(-3, 9).view(2, 3, 2)
    found = answers(op, name, x, torch.tensor([[1, 0, 1], [0, 1, 0]], dtype=torch.int32), 2)
    rows = found if op == EQUAL else found[0]
    assert rows.dtype == torch.int64
    assert rows.flatten(0, -2)[:, 0].tolist() == [-1, 3, 7, -3, 1, 5]


@contenders(COMBINE)
def test_a_token_gets_the_weighted_sum_of_its_results(name):
    y = torch.tensor([[[1.0, 2], [10, 20]], [[3, 4], [NAN, -INF]]])
    found = answers(COMBINE, name, y, torch.tensor([[0.5, 0.25], [2.0, 1.0]]))
    assert found[0].tolist() == [3, 6]
    assert found[1].isnan().tolist() == [True, False]
    assert found[1, 1] == -INF


@contenders(SORTED)
def test_results_find_their_tokens(name):
    y = torch.tensor([[1.0], [2], [3], [4]])
    found = answers(
        SORTED, name, y, torch.tensor([1, 0, 0, 1]), torch.tensor([1.0, 0.5, 2, 0.25]), 2
    )
    assert found.tolist() == [[7], [2]]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@contenders(SORTED)
def test_a_weight_of_zero_silences_its_row(name, bad):
    y = torch.tensor([[1.0], [bad], [3], [bad]], requires_grad=True)
    weights = torch.tensor([1.0, 0.0, 2.0, -0.0], requires_grad=True)
    found = answers(SORTED, name, y, torch.tensor([1, 0, 0, 1]), weights, 2)
    grads = torch.autograd.grad(found.sum(), (y, weights))
    silent = found.flatten().tolist() == [6, 1] and all(bool(s.isfinite().all()) for s in grads)
    assert silent != KIT.admits(SORTED, name, "silenced")


@contenders(SORTED)
def test_tokens_without_rows_are_zero(name):
    found = answers(SORTED, name, torch.ones(1, 2), torch.tensor([2]), torch.ones(1), 4)
    assert found.tolist() == [[0, 0], [0, 0], [1, 1], [0, 0]]


@contenders(FORWARD)
def test_each_token_meets_its_own_expert(name):
    x = torch.arange(1.0, 5).view(2, 2, 1).expand(2, 2, 4).contiguous()
    w = torch.tensor([1.0, 10])[:, None, None].expand(2, 4, 4).contiguous()
    found = answers(FORWARD, name, x, w)
    assert found[..., 0].tolist() == [[4, 8], [120, 160]]


@pytest.mark.parametrize("renormalise", [True, False])
@contenders(GATING)
def test_the_largest_logits_become_weights(name, renormalise):
    logits = torch.tensor([[1.0, 3, -INF, 2], [-5, -INF, -INF, -INF]])
    weights, indices = answers(GATING, name, logits, 2, renormalise=renormalise)
    kept = logits[0, [1, 3]] if renormalise else logits[0, [1, 3, 0]]
    assert indices.dtype == torch.int64
    assert indices[0].tolist() == [1, 3]
    torch.testing.assert_close(weights[0], kept.softmax(0)[:2])
    assert weights[1].tolist() == [1, 0]
    assert indices[1, 0] == 0
    assert indices[1, 1] in (1, 2, 3)


@contenders(GATING)
def test_tied_experts_are_chosen_once_each(name):
    weights, indices = answers(GATING, name, torch.zeros(9, 12), 5)
    assert all(len(set(row)) == 5 for row in indices.tolist())
    torch.testing.assert_close(weights, torch.full((9, 5), 0.2))


# --- what the checks are for: ways of being wrong that differ from right ------------------------


def assumes_equal_loads(x, expert_ids, num_experts):
    order = expert_ids.flatten().argsort(stable=True)
    return x.flatten(0, 1)[order], torch.arange(num_experts + 1) * (len(order) // num_experts)


def unstable(x, expert_ids, num_experts):
    """Each expert's tokens the other way round."""
    order = len(x.flatten(0, 1)) - 1 - expert_ids.flatten().flip(0).argsort(stable=True)
    return x.flatten(0, 1)[order].view(num_experts, -1, x.shape[2])


def multiplies_silent_rows(y, token_index, weights, tokens):
    return y.new_zeros(tokens, y.shape[1]).index_add(0, token_index, y * weights[:, None])


def sums_in_half(y, weights):
    total = torch.zeros_like(y[:, 0])
    for choice in range(y.shape[1]):
        total = total + y[:, choice] * weights[:, choice, None]
    return total


def finds_an_expert_twice(logits, k, *, renormalise=True):
    """The largest, k times, where those that were found become -inf: as others are already."""
    left, found = logits.clone(), []
    for _ in range(k):
        found.append(left.argmax(1, keepdim=True))
        left = left.scatter(1, found[-1], -INF)
    indices = torch.cat(found, 1)
    return logits.gather(1, indices).softmax(1), indices


def never_renormalises(logits, k, *, renormalise=True):
    weights, indices = logits.softmax(1).topk(k, 1)
    return weights, indices


@pytest.mark.parametrize(
    ("op", "kind", "dtype", "wrong"),
    [
        (RAGGED, "skewed", torch.float32, assumes_equal_loads),
        (EQUAL, "normal", torch.float32, unstable),
        (SORTED, "silenced", torch.float32, multiplies_silent_rows),
        (SORTED, "zero_weights", torch.float32, multiplies_silent_rows),
        (GATING, "masked", torch.float32, finds_an_expert_twice),
        (GATING, "normal", torch.float32, never_renormalises),
    ],
)
def test_wrong_answers_differ_from_right_ones(op, kind, dtype, wrong):
    inputs = KIT.make(op, kind, OPS[op].edge["odd"], dtype=dtype)
    assert max(KIT.errors(op, inputs, wrong, dtype)) > 1


def test_sums_in_half_precision_differ_from_right_ones():
    inputs = KIT.make(COMBINE, "normal", {"T": 4, "K": 600, "D": 5}, dtype=torch.bfloat16)
    inputs = inputs.map(torch.Tensor.abs)
    assert max(KIT.errors(COMBINE, inputs, sums_in_half, torch.bfloat16)) > 1
    for name in KIT.names(COMBINE):
        assert agrees(COMBINE, name, inputs, torch.bfloat16)


# --- the contract on all that it covers -------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "name"), KIT.pairs())
def test_failures_are_those_that_caveats_declare(op, name, dtype):
    for kind in {"nonfinite", "nan", "silenced", "zero_weights", "masked"} & set(OPS[op].inputs):
        inputs = KIT.make(op, kind, OPS[op].edge["odd"], dtype=dtype)
        assert agrees(op, name, inputs, dtype) != KIT.admits(op, name, kind)


@pytest.mark.parametrize(("op", "name"), KIT.pairs())
def test_edge_shapes(op, name):
    for axes in OPS[op].edge.values():
        inputs = KIT.make(op, next(iter(OPS[op].inputs)), axes)
        assert agrees(op, name, inputs, torch.float32)


def axes_of(op):
    """Sizes that the op's inputs can be drawn for."""
    size = st.integers(0, 9)
    some = st.integers(1, 9)
    if op == EQUAL:  # the loads must come out equal
        parts = st.tuples(st.integers(0, 3), st.integers(0, 5), size, some)
        return parts.map(lambda p: {"B": p[0], "S": p[1] * p[3], "D": p[2], "E": p[3]})
    if op == GATING:
        wide = st.tuples(size, st.integers(1, 40), st.integers(1, 8))
        return wide.map(lambda p: {"T": p[0], "E": p[1], "K": min(p[1], p[2])})
    if op == SORTED:
        parts = st.tuples(size, size, st.integers(0, 40), size)
        return parts.map(lambda p: {"T": p[0], "K": p[1], "D": p[2], "E": max(1, p[1] + p[3])})
    free = {axis: size for axis in OPS[op].axes}
    return st.fixed_dictionaries({**free, "E": some} if op == RAGGED else free)


@pytest.mark.parametrize(("op", "name"), KIT.pairs())
@settings(deadline=None, max_examples=10, derandomize=True)
@given(data=st.data())
def test_agrees_with_the_contract(op, name, data):
    fair = [kind for kind in OPS[op].inputs if not KIT.admits(op, name, kind)]
    kind = data.draw(st.sampled_from(fair))
    dtype = data.draw(st.sampled_from(DTYPES))
    inputs = KIT.make(
        op,
        kind,
        data.draw(axes_of(op)),
        dtype=dtype,
        seed=data.draw(st.integers(0, 99)),
        layout=data.draw(st.sampled_from(["contiguous", "transposed", "sliced"])),
    )
    assert agrees(op, name, inputs, dtype, gradients=kind not in OPS[op].ungraded)


SMALL = {
    EQUAL: {"B": 2, "S": 3, "D": 2, "E": 3},
    RAGGED: {"B": 2, "S": 3, "D": 2, "E": 3},
    COMBINE: {"T": 3, "K": 2, "D": 2},
    SORTED: {"T": 3, "K": 2, "D": 2, "E": 4},
    FORWARD: {"E": 2, "T": 3, "D": 2, "F": 4},
    GATING: {"T": 3, "E": 5, "K": 2},
}


@pytest.mark.parametrize(("op", "name"), KIT.pairs())
def test_gradient_by_differences(op, name):
    inputs = KIT.make(op, "normal", SMALL[op], dtype=torch.float64)
    if KIT.refuses(op, name, inputs):
        pytest.skip("doesn't take float64")
    run = KIT.function(op, name)
    bound, leaves = inputs.leaves(OPS[op].grad)
    for options in ({}, {"renormalise": False}) if op == GATING else ({},):

        def differentiable(*leaves, options=options):
            values = dict(zip(OPS[op].grad, leaves, strict=True))
            found = run(*(values.get(n, bound.values[n]) for n in bound.names), **options)
            return found[0] if isinstance(found, tuple) else found

        assert torch.autograd.gradcheck(differentiable, leaves)


# --- what is refused --------------------------------------------------------------------------


def ids(*values):
    return torch.tensor([values])


ROWS, ROW_IDS, WEIGHTS = torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]), torch.ones(4)
BAD = [
    (EQUAL, (torch.zeros(1, 3, 2), ids(0, 1, 1), 2), ValueError, "loads are [1, 2], only equal"),
    (EQUAL, (torch.zeros(1, 2, 2), ids(0, 2), 2), ValueError, "expert_ids: 2 among 1 such values"),
    (EQUAL, (torch.zeros(1, 2, 2), ids(0, -1), 2), ValueError, "expert_ids: -1 among 1"),
    (EQUAL, (torch.zeros(1, 2), ids(0, 1), 2), ValueError, "x: shape [1, 2], only [B, S, D]"),
    (RAGGED, (torch.zeros(1, 2, 2), ids(0, 2), 2), ValueError, "only 0 to 1 is allowed"),
    (RAGGED, (torch.zeros(1, 2, 2), ids(0, -1), 2), ValueError, "expert_ids: -1 among 1"),
    (RAGGED, (torch.zeros(1, 2, 2), ids(0), 2), ValueError, "shape [1, 1], only [1, 2]"),
    (RAGGED, (torch.zeros(1, 1, 2), ids(0.0), 2), TypeError, "expert_ids: torch.float32"),
    (RAGGED, (torch.zeros(1, 0, 2), torch.zeros(1, 0).long(), 0), ValueError, "num_experts: 0"),
    (COMBINE, (torch.zeros(2, 2, 2), torch.zeros(2, 3)), ValueError, "weights: shape [2, 3]"),
    (COMBINE, (torch.ones(2, 2, 2).int(), torch.ones(2, 2)), TypeError, "y: torch.int32"),
    (COMBINE, (torch.ones(2, 2, 2), torch.ones(2, 2).half()), TypeError, "weights: torch.float16"),
    (SORTED, (ROWS, ROW_IDS, WEIGHTS, 1), ValueError, "token_index: 1 among 2 such values"),
    (SORTED, (ROWS, ROW_IDS - 1, WEIGHTS, 2), ValueError, "token_index: -1 among 2"),
    (SORTED, (ROWS, ROW_IDS, WEIGHTS[:3], 2), ValueError, "weights: shape [3], only [4]"),
    (SORTED, (ROWS[:0], ROW_IDS[:0], WEIGHTS[:0], -1), ValueError, "tokens: -1, 0 and more"),
    (FORWARD, (torch.ones(2, 3, 4), torch.ones(2, 3, 4)), ValueError, "only [2, 4, F]"),
    (FORWARD, (torch.ones(2, 3, 4), torch.ones(2, 4, 5).double()), TypeError, "w: torch.float64"),
    (GATING, (torch.ones(2, 3), 4), ValueError, "k: 4, 1 to 3"),
    (GATING, (torch.ones(2, 3), 0), ValueError, "k: 0, 1 to 3"),
    (GATING, (torch.tensor([[0, INF]]), 1), ValueError, "NaN or +inf found"),
    (GATING, (torch.tensor([[0, NAN]]), 1), ValueError, "NaN or +inf found"),
    (GATING, (torch.tensor([[0.0, 1], [-INF, -INF]]), 1), ValueError, "all of row 1 are -inf"),
    (GATING, (torch.ones(2, 3).long(), 2), TypeError, "logits: torch.int64"),
]


@pytest.mark.parametrize(("op", "args", "error", "reported"), BAD)
def test_bad_input_is_named(op, args, error, reported):
    with pytest.raises(error) as caught:
        KIT.catalog.call(op, *args, impl=KIT.names(op)[0])
    assert str(caught.value).startswith(f"{op}: ")
    assert reported in str(caught.value)


@pytest.mark.skipif("cpp" not in KIT.names(EQUAL), reason="needs a C++ compiler")
@pytest.mark.parametrize(
    ("op", "args"),
    [(op, args) for op, args, error, _ in BAD if error is ValueError and op in (EQUAL, RAGGED)]
    + [
        (op, args)
        for op, args, _, reported in BAD
        if "among" in reported or reported.startswith("k:")
    ],
)
def test_kernels_refuse_what_they_would_read_out_of_bounds(op, args):
    with pytest.raises(RuntimeError):
        KIT.function(op, "cpp")(*args)


@pytest.mark.skipif("cpp" not in KIT.names(GATING), reason="needs a C++ compiler")
@pytest.mark.parametrize("dtype", DTYPES)
def test_gating_in_cpp_where_whole_vectors_are_passed_over(dtype):
    for kind, experts in itertools.product(("normal", "large_of_all", "masked"), (64, 250)):
        inputs = KIT.make(GATING, kind, {"T": 20, "E": experts, "K": 4}, dtype=dtype)
        assert agrees(GATING, "cpp", inputs, dtype)
