"""Every contender of the products of layers and of the longest chain: examples and gradients."""

import pytest
import torch

from tests.impls.contenders import Kit

KIT = Kit(
    "opbench.suites.products",
    "opbench.suites.experts",
    "opbench.suites.chains",
    "opbench.impls.chained",
    "opbench.impls.expert_batching",
    "opbench.impls.layer_products",
    "opbench.impls.moe_combine",
    "opbench.impls.moe_forward",
    "opbench.impls.patch_merging",
    "opbench.impls.sliding_windows",
    "opbench.impls.topk_gating",
    "opbench.suites.windows",
)
LINEAR, SCORES, GROUPED, MOE = "linear", "attention_scores", "grouped_matmul", "moe_forward"
OPS = KIT.catalog.ops
NAN, INF = float("nan"), float("inf")


def contenders(op):
    return pytest.mark.parametrize("name", KIT.names(op))


def answer(op, name, *args, **options):
    """What a contender returns; the test is skipped where it doesn't take the arguments."""
    given = {**dict(zip(OPS[op].arguments, args, strict=True)), **options}
    if refusal := KIT.refuses(op, name, given):
        pytest.skip(refusal)
    return KIT.function(op, name)(*args, **options)


@contenders(LINEAR)
def test_rows_meet_the_rows_of_the_weight(name):
    x, weight = torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[1.0, 0], [0, 1], [1, 1]])
    assert answer(LINEAR, name, x, weight).tolist() == [[1, 2, 3], [3, 4, 7]]


@contenders(SCORES)
def test_queries_are_rows_and_keys_are_columns(name):
    q, k = torch.tensor([[[1.0], [2]]]), torch.tensor([[[3.0], [5]]])
    assert answer(SCORES, name, q, k).tolist() == [[[3, 5], [6, 10]]]


@contenders(GROUPED)
def test_rows_meet_the_matrix_of_their_expert(name):
    x = torch.ones(3, 4)
    w = torch.tensor([1.0, 10, 100])[:, None, None].expand(3, 4, 4).contiguous()
    found = answer(GROUPED, name, x, torch.tensor([0, 1, 1, 3]), w)
    assert found[:, 0].tolist() == [4, 400, 400]


W = torch.tensor([1.0, 10, 100])[:, None, None].expand(3, 4, 4).contiguous()
THIRD = torch.tensor(3.0).log().item()


@contenders(MOE)
def test_a_token_gets_the_weighted_results_of_its_experts(name):
    logits = torch.tensor([[THIRD, 0, -9], [-9, 0, THIRD]])
    found = answer(MOE, name, torch.ones(2, 4), logits, W, 2)
    torch.testing.assert_close(found[:, 0], torch.tensor([4 * (0.75 + 2.5), 4 * (2.5 + 75)]))
    shares = logits.softmax(1) * torch.tensor([[1, 1, 0], [0, 1, 1]])
    of_all = answer(MOE, name, torch.ones(2, 4), logits, W, 2, renormalise=False)
    torch.testing.assert_close(of_all[:, 0], shares @ (4 * W[:, 0, 0]))


@contenders(MOE)
def test_all_experts_may_be_chosen(name):
    found = answer(MOE, name, torch.ones(1, 4), torch.zeros(1, 3), W, 3)
    torch.testing.assert_close(found[0, 0], torch.tensor(4 * 111 / 3))


@contenders(MOE)
def test_an_expert_may_get_every_token_and_others_none(name):
    logits = torch.tensor([[0.0, 2, 1]]).expand(5, 3).contiguous()
    found = answer(MOE, name, torch.ones(5, 4), logits, W, 1)
    assert found.unique().tolist() == [40]


@contenders(MOE)
def test_an_expert_that_is_ruled_out_weighs_nothing(name):
    logits = torch.tensor([[0.0, -INF, -INF]])
    assert answer(MOE, name, torch.ones(1, 4), logits, W, 2)[0, 0] == 4


@contenders(MOE)
def test_equal_logits_choose_different_experts(name):
    found = answer(MOE, name, torch.ones(1, 4), torch.zeros(1, 3), W, 2)[0, 0] / 4
    assert min(abs(found - pair) for pair in (5.5, 50.5, 55)) < 1e-4


SMALL = {
    LINEAR: {"N": 3, "C": 2, "F": 4},
    SCORES: {"N": 2, "W": 3, "D": 2},
    GROUPED: {"N": 5, "D": 2, "F": 2, "E": 3},
    MOE: {"T": 3, "E": 4, "K": 2, "D": 2, "F": 2},
}


@pytest.mark.parametrize(("op", "name"), KIT.pairs(*SMALL))
def test_gradient_by_differences(op, name):
    inputs = KIT.make(op, "normal", SMALL[op], dtype=torch.float64)
    if KIT.refuses(op, name, inputs):
        pytest.skip("doesn't take float64")
    run = KIT.function(op, name)
    bound, leaves = inputs.leaves(OPS[op].grad)

    def differentiable(*leaves):
        values = dict(zip(OPS[op].grad, leaves, strict=True))
        return run(*(values.get(n, bound.values[n]) for n in OPS[op].arguments))

    assert torch.autograd.gradcheck(differentiable, leaves)


ROWS, SPAN = torch.ones(4, 2), torch.tensor([0, 4])
BAD = [
    (LINEAR, (ROWS, torch.ones(3, 3)), ValueError, "weight: shape [3, 3], only [F, 2]"),
    (LINEAR, (ROWS[0], torch.ones(3, 2)), ValueError, "x: 1 axes, only 2"),
    (LINEAR, (ROWS, torch.ones(3, 2).half()), TypeError, "weight: torch.float16"),
    (SCORES, (torch.ones(1, 2, 3), torch.ones(1, 3, 2)), ValueError, "only that of q, [1, 2, 3]"),
    (SCORES, (torch.ones(1, 2, 3).int(),) * 2, TypeError, "q: torch.int32"),
    (GROUPED, (ROWS, SPAN, torch.ones(1, 3, 2)), ValueError, "only [E, 2, F] with an expert"),
    (GROUPED, (ROWS, SPAN, torch.ones(2, 2, 2)), ValueError, "offsets: shape [2], only [3]"),
    (GROUPED, (ROWS, SPAN - 1, torch.ones(1, 2, 2)), ValueError, "offsets: -1 among 1"),
    (GROUPED, (ROWS, SPAN // 2, torch.ones(1, 2, 2)), ValueError, "only ascending from 0 to 4"),
    (GROUPED, (ROWS, torch.tensor([0, 3, 1, 4]), torch.ones(3, 2, 2)), ValueError, "ascending"),
    (MOE, (ROWS, torch.ones(4, 3), torch.ones(2, 2, 2), 1), ValueError, "only [4, 2] is allowed"),
    (MOE, (ROWS, torch.ones(4, 3), torch.ones(3, 5, 2), 1), ValueError, "only [E, 2, F]"),
    (MOE, (ROWS, torch.ones(4, 3), torch.ones(3, 2, 2), 4), ValueError, "k: 4, 1 to 3"),
    (MOE, (ROWS, torch.full((4, 3), NAN), torch.ones(3, 2, 2), 1), ValueError, "NaN or +inf"),
    (MOE, (ROWS, torch.ones(4, 3).half(), torch.ones(3, 2, 2), 1), TypeError, "torch.float16"),
]


@pytest.mark.parametrize(("op", "args", "error", "reported"), BAD)
def test_bad_input_is_named(op, args, error, reported):
    with pytest.raises(error) as caught:
        KIT.catalog.call(op, *args, impl=KIT.names(op)[0])
    assert str(caught.value).startswith(f"{op}: ")
    assert reported in str(caught.value)
