"""Every contender of the reductions: worked examples, the contracts, the traps."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opbench.harness.declare import SAME_VALUES
from tests.impls.contenders import DTYPES, QUIET, Kit, kinds_of_any_dtype

KIT = Kit(
    "opbench.suites.reductions",
    "opbench.impls.pooled_channels",
    "opbench.impls.dot_products",
    "opbench.impls.logsumexp",
    "opbench.impls.softmax",
    "opbench.impls.cross_entropy",
    "opbench.impls.accuracy",
)
MEAN, MAX, DOT = "global_average_pool", "channel_max", "batched_dot_product_nd"
LSE, SOFTMAX, LOGSOFTMAX = "batched_logsumexp", "batched_softmax", "batched_logsoftmax"
LOSS, ACCURACY = "batched_cross_entropy_loss", "classifier_accuracy"
EVERY = KIT.pairs()
GRADED = [(op, name) for op, name in EVERY if op != ACCURACY]
NAN, INF = math.nan, math.inf
AXES = {
    MEAN: {"B": (0, 3), "C": (0, 5), "H": (1, 5), "W": (1, 5)},
    MAX: {"B": (0, 3), "C": (1, 5), "H": (0, 4), "W": (0, 4)},
    DOT: {"B": (0, 4), "I": (0, 5), "J": (0, 9)},
    LSE: {"B": (0, 6), "N": (0, 40)},
    SOFTMAX: {"B": (0, 6), "N": (0, 40)},
    LOGSOFTMAX: {"B": (0, 6), "N": (0, 40)},
    LOSS: {"B": (0, 6), "C": (1, 40)},
    ACCURACY: {"B": (0, 6), "C": (1, 40)},
}


def close(found, expected, **options):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), equal_nan=True, **options
    )


# --- worked examples -------------------------------------------------------------------------


@pytest.mark.parametrize("name", KIT.names(MEAN))
def test_the_mean_of_each_channel(name):
    x = torch.tensor([[[[1.0, 2], [3, 6]], [[-1, 0], [0, 1]]]])
    close(KIT.function(MEAN, name)(x), [[3, 0]])


@pytest.mark.parametrize("name", KIT.names(MAX))
def test_the_largest_channel_at_each_place(name):
    x = torch.tensor([[[[1.0, -5]], [[0, -2]], [[-3, NAN]]]])
    close(KIT.function(MAX, name)(x), [[[1, NAN]]])


@pytest.mark.parametrize("name", KIT.names(DOT))
@pytest.mark.parametrize("shape", [(2, 6), (2, 3, 2), (2, 1, 3, 1, 2)])
def test_dot_products_of_any_rank(name, shape):
    a = torch.arange(12.0).view(shape)
    b = a.flip(0)
    close(KIT.function(DOT, name)(a, b), [145, 145])


@pytest.mark.parametrize("name", [name for name in KIT.names(DOT) if name != "vecdot"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8])
def test_dot_products_of_integers_are_exact(name, dtype):
    big = torch.iinfo(dtype).max // 2 - 1
    a = torch.tensor([[big, 1, 3], [2, 2, 2]], dtype=dtype)
    b = torch.tensor([[2, 1, 0], [1, 1, 1]], dtype=dtype)
    found = KIT.function(DOT, name)(a, b)
    assert found.dtype == dtype
    assert found.tolist() == [2 * big + 1, 6]


@pytest.mark.parametrize("name", KIT.names(LSE))
def test_logsumexp_of_what_it_has_a_convention_for(name):
    rows = [[-INF, -INF], [0, INF], [NAN, 0], [-INF, 2], [NAN, INF], [math.log(3), 0]]
    found = KIT.function(LSE, name)(torch.tensor(rows))
    close(found, [-INF, INF, NAN, 2, NAN, math.log(4)])
    assert torch.equal(KIT.function(LSE, name)(torch.empty(2, 0)), torch.full((2,), -INF))


@pytest.mark.parametrize("name", [name for name in KIT.names(LSE) if name != "naive"])
def test_logsumexp_of_large_values(name):
    found = KIT.function(LSE, name)(torch.tensor([[-1000.0] * 4, [1000.0] * 4, [1000, 0, 0, 0]]))
    close(found, [-1000 + math.log(4), 1000 + math.log(4), 1000])


@pytest.mark.parametrize("name", KIT.names(SOFTMAX))
def test_softmax_is_in_proportion_to_the_exponentials(name):
    found = KIT.function(SOFTMAX, name)(torch.tensor([[1.0, 2, 5], [3, 1, 0]]).log())
    close(found, [[0.125, 0.25, 0.625], [0.75, 0.25, 0]])


@pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0])
@pytest.mark.parametrize(("op", "name"), KIT.pairs(SOFTMAX, LOGSOFTMAX))
def test_a_shift_of_the_row_changes_nothing(op, name, shift):
    if shift and "large" in KIT.catalog.impls[op][name].caveats:
        return
    row = torch.arange(5.0)[None]
    shares = row.exp() / row.exp().sum()
    found = KIT.function(op, name)(row + shift)
    close(found, shares if op == SOFTMAX else shares.log())


@pytest.mark.parametrize("name", KIT.names(LOSS))
def test_the_loss_is_the_log_of_one_over_the_share(name):
    logits = torch.tensor([[1.0, 2, 5], [3, 1, 4], [1, 1, 1]]).log()
    found = KIT.function(LOSS, name)(logits, torch.tensor([1, 0, 2]))
    close(found, [math.log(4), math.log(8 / 3), math.log(3)])


@pytest.mark.parametrize(
    "name", [n for n in KIT.names(LOSS) if not KIT.admits(LOSS, n, "impossible")]
)
def test_impossible_classes_give_zero_or_infinity(name):
    logits = torch.tensor([[-INF, -INF, 0], [-INF, 0, 0], [-INF, 0, -INF], [-INF, -INF, -INF]])
    found = KIT.function(LOSS, name)(logits, torch.tensor([2, 0, 1, 1]))
    close(found, [0, INF, 0, INF])


@pytest.mark.parametrize("name", KIT.names(ACCURACY))
def test_the_fraction_of_right_rows(name):
    scores = torch.tensor([[3.0, 2, 1], [1, 5, 4], [1, 7, 2], [0, 9, NAN]])
    run = KIT.function(ACCURACY, name)
    close(run(scores, torch.tensor([0, 1, 0, 2])), 0.75)
    close(run(scores.half(), torch.tensor([0, 1, 0, 2])), torch.tensor(0.75))
    assert run(scores[:0], torch.zeros(0, dtype=torch.int64)).isnan()


# --- the contracts ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "name"), EVERY)
def test_failures_are_those_that_caveats_declare(op, name, dtype):
    declared = KIT.catalog.ops[op]
    for kind in declared.inputs:
        inputs = KIT.make(op, kind, declared.edge["odd"], dtype=dtype)
        if KIT.refuses(op, name, inputs):
            continue
        graded = kind not in declared.ungraded
        worst = max(KIT.errors(op, inputs, KIT.function(op, name), dtype, gradients=graded))
        assert (worst > 1) == KIT.admits(op, name, kind), kind


@pytest.mark.parametrize(("op", "name"), EVERY)
def test_edge_shapes(op, name):
    declared = KIT.catalog.ops[op]
    for axes in declared.edge.values():
        inputs = KIT.make(op, next(iter(declared.inputs)), axes)
        if KIT.refuses(op, name, inputs):
            continue
        assert max(KIT.errors(op, inputs, KIT.function(op, name), torch.float32)) <= 1


@pytest.mark.parametrize(("op", "name"), EVERY)
@settings(deadline=None, max_examples=8, derandomize=True)
@given(data=st.data())
def test_agrees_with_the_contract(op, name, data):
    declared = KIT.catalog.ops[op]
    axes = {axis: data.draw(st.integers(*ends), axis) for axis, ends in AXES[op].items()}
    kind = data.draw(st.sampled_from(kinds_of_any_dtype(declared)), "kind")
    dtype = data.draw(st.sampled_from(DTYPES), "dtype")
    layout, seed = data.draw(st.sampled_from(SAME_VALUES), "layout"), data.draw(st.integers(0, 99))
    inputs = KIT.make(op, kind, axes, dtype=dtype, seed=seed, layout=layout)
    assume(not KIT.admits(op, name, kind) and KIT.refuses(op, name, inputs) is None)
    graded = kind not in declared.ungraded
    assert max(KIT.errors(op, inputs, KIT.function(op, name), dtype, gradients=graded)) <= 1


@pytest.mark.parametrize(("op", "name"), GRADED)
def test_gradient_by_differences(op, name):
    declared = KIT.catalog.ops[op]
    axes = {axis: 2 if axis != "N" else 5 for axis in AXES[op]}
    given = KIT.make(op, "normal", axes, dtype=torch.float64)
    bound, leaves = given.leaves(declared.grad)
    others = bound.args[len(leaves) :]
    run = KIT.function(op, name)
    assert torch.autograd.gradcheck(lambda *args: run(*args, *others), leaves)


@pytest.mark.parametrize("name", KIT.names(MAX))
def test_integers_are_compared_as_they_are(name):
    x = torch.tensor([2**60 + 1, 2**60, -(2**62)]).view(1, 3, 1, 1)
    found = KIT.function(MAX, name)(x)
    assert found.dtype == torch.int64
    assert found.item() == 2**60 + 1


@pytest.mark.parametrize("name", KIT.names(LSE))
def test_many_values_do_not_overflow_float16(name):
    zeros = torch.zeros(1, 70000, dtype=torch.float16)
    close(KIT.function(LSE, name)(zeros), [math.log(70000)])


@QUIET
@pytest.mark.parametrize(
    ("op", "kind"),
    [(LSE, "nonfinite"), (SOFTMAX, "large"), (LOGSOFTMAX, "masked"), (LOSS, "masked")],
)
def test_compiled(op, kind):
    inputs = KIT.make(op, kind, {next(iter(AXES[op])): 5, list(AXES[op])[1]: 30})
    for name in KIT.names(op, compiled=True):
        run = KIT.function(op, name)
        worst = max(KIT.errors(op, inputs, run, torch.float32, gradients=op != LSE))
        assert worst <= 1, name


# --- what goes wrong -------------------------------------------------------------------------


def mean_after_sum(x):
    return x.sum((2, 3)) / (x.shape[2] * x.shape[3])


def max_without_nan(x):
    return x.nan_to_num(-INF, INF, -INF).amax(1)


def max_of_nothing_yet(x):
    return x.unbind(1)[0].clone() if x.shape[1] == 1 else x[:, 1:].amax(1)


def dot_in_half(a, b):
    return (a * b).flatten(1).sum(1)


def dot_of_the_last_axis(a, b):
    return (a * b).sum(-1).flatten(1)[:, 0]


def shifted_by_infinity(matrix):
    top = matrix.amax(1, keepdim=True)
    return (matrix - top).exp().sum(1).log() + top[:, 0]


def shifted_by_the_largest_of_all(matrix):
    powers = (matrix - matrix.max()).exp()
    return powers / powers.sum(1, keepdim=True)


def gradient_through_nothing(matrix):
    return matrix - matrix.detach().logsumexp(1, keepdim=True)


def loss_by_difference(logits, true_labels):
    own = logits.gather(1, true_labels[:, None])[:, 0]
    return logits.logsumexp(1) - own


def mean_loss(logits, true_labels):
    return torch.nn.functional.cross_entropy(logits, true_labels).expand(len(logits)).clone()


@pytest.mark.parametrize(
    ("op", "kind", "dtype", "wrong"),
    [
        (MEAN, "large", torch.float16, mean_after_sum),
        (MAX, "nonfinite", torch.float32, max_without_nan),
        (MAX, "normal", torch.float32, max_of_nothing_yet),
        (DOT, "large", torch.float16, dot_in_half),
        (DOT, "normal", torch.float32, dot_of_the_last_axis),
        (LSE, "nonfinite", torch.float32, shifted_by_infinity),
        (LSE, "masked", torch.float16, lambda m: m.nan_to_num(neginf=0).logsumexp(1)),
        (SOFTMAX, "large", torch.float32, shifted_by_the_largest_of_all),
        (SOFTMAX, "normal", torch.float32, lambda m: m.softmax(0)),
        (LOGSOFTMAX, "normal", torch.float32, gradient_through_nothing),
        (LOGSOFTMAX, "normal", torch.float64, lambda m: m.float().log_softmax(1).double()),
        (LOSS, "impossible", torch.float32, loss_by_difference),
        (LOSS, "normal", torch.float32, mean_loss),
        (ACCURACY, "normal", torch.float32, lambda s, c: 1 - (s.argmax(1) == c).float().mean()),
    ],
)
def test_known_mistakes_are_found(op, kind, dtype, wrong):
    declared = KIT.catalog.ops[op]
    inputs = KIT.make(op, kind, declared.edge["odd"], dtype=dtype)
    graded = kind not in declared.ungraded
    assert max(KIT.errors(op, inputs, wrong, dtype, gradients=graded)) > 1


MATRIX = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("op", "args", "error", "text"),
    [
        (MEAN, (torch.zeros(2, 3),), ValueError, r"x: shape \[2, 3\], only \[B, C, H, W\]"),
        (MEAN, (torch.zeros(1, 2, 0, 3),), ValueError, "H of 1 and more"),
        (MEAN, (torch.zeros(1, 2, 3, 3).long(),), TypeError, "torch.int64, only floating-point"),
        (MAX, (torch.zeros(1, 0, 2, 2),), ValueError, "C of 1 and more"),
        (MAX, (torch.zeros(1, 1, 2, 2, dtype=torch.complex64),), TypeError, "only real types"),
        (DOT, (torch.zeros(3), torch.zeros(3)), ValueError, r"a: shape \[3\], only 2 axes"),
        (DOT, (MATRIX, torch.zeros(2, 4)), ValueError, r"only that of a, \[2, 3\]"),
        (DOT, (MATRIX, MATRIX.double()), TypeError, "torch.float64, only that of a, torch.float32"),
        (DOT, (MATRIX.bool(), MATRIX.bool()), TypeError, "torch.bool, only integers"),
        (LSE, (MATRIX[0],), ValueError, r"matrix: shape \[3\], only \[B, N\]"),
        (SOFTMAX, (MATRIX.int(),), TypeError, "torch.int32, only floating-point"),
        (LOGSOFTMAX, (MATRIX[None],), ValueError, r"only \[B, N\]"),
        (LOSS, (MATRIX, torch.tensor([0, 3])), ValueError, r"3 among 1 such values, only 0\.\.2"),
        (LOSS, (MATRIX, torch.tensor([-1, -1])), ValueError, "-1 among 2 such values"),
        (LOSS, (MATRIX, torch.tensor([0])), ValueError, r"true_labels: shape \[1\], only \[2\]"),
        (LOSS, (MATRIX, torch.zeros(2)), TypeError, "torch.float32, only torch.int64"),
        (ACCURACY, (torch.zeros(2, 0), torch.zeros(2).long()), ValueError, "C of 1 and more"),
        (ACCURACY, (MATRIX, torch.tensor([0, 7])), ValueError, "true_classes: 7 among 1"),
    ],
)
def test_arguments_outside_the_contract_raise(op, args, error, text):
    with pytest.raises(error, match=f"{op}: .*{text}"):
        KIT.catalog.call(op, *args, impl=KIT.names(op)[0])
