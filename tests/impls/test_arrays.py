"""Every contender of the array exercises, sampling apart: worked examples, contract, traps."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.harness.declare import SAME_VALUES
from tests.impls.contenders import DTYPES, Kit, kinds_of_any_dtype

KIT = Kit(
    "opbench.suites.arrays",
    "opbench.impls.constants",
    "opbench.impls.temperatures",
    "opbench.impls.lookups",
)
WEEKS = ("temperatures_average", "temperatures_differences", "temperatures_normalized")
PRICES = ("total_price_indexing", "total_price_gather")
PICKS = ("gather_2d", "collect_rows", "collect_columns", "integer_array_indexing")
# The numbers of the exercises.
DAYS = [71, 72, 70, 75, 71, 72, 70, 68, 65, 60, 68, 60, 55, 59, 75, 80, 85, 80, 78, 72, 83]


def worst(op, kind, axes, run, **how):
    """The largest error of `run` on such inputs, as a multiple of the tolerance."""
    dtype = how.pop("dtype", torch.float32)
    gradients = kind not in KIT.catalog.ops[op].ungraded
    inputs = KIT.make(op, kind, axes, dtype=dtype, **how)
    return max(KIT.errors(op, inputs, run, dtype, gradients=gradients))


def refused(op, *args, error=ValueError, match):
    """The op's validation refuses the arguments before any contender sees them."""
    for name in KIT.names(op):
        with pytest.raises(error, match=match):
            KIT.catalog.call(op, *args, impl=name)


# --- constants -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("rearrange_1", [[3, 4], [5, 6], [7, 8]]),
        ("rearrange_2", [[1, 2, 3], [4, 5, 6]]),
        ("rearrange_3", [[[1], [2], [3], [4], [5], [6]]]),
    ],
)
def test_six_numbers_in_a_shape(op, expected):
    assert len(KIT.names(op)) == 3
    for name in KIT.names(op):
        assert torch.equal(KIT.function(op, name)(), torch.tensor(expected))
        assert torch.equal(KIT.catalog.ops[op].oracle(), torch.tensor(expected))


@pytest.mark.parametrize("n", [0, 1, 2, 5, 64])
@pytest.mark.parametrize("name", KIT.names("identity_matrix"))
def test_identity(name, n):
    found = KIT.function("identity_matrix", name)(n)
    expected = torch.tensor([[float(i == j) for j in range(n)] for i in range(n)]).view(n, n)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert torch.equal(KIT.catalog.ops["identity_matrix"].oracle(n), expected)


def test_identity_of_no_size():
    refused("identity_matrix", -1, match="identity_matrix: n: -1, only 0 and more is allowed")
    refused("identity_matrix", 2.0, error=TypeError, match="n: 2.0, only an int is allowed")
    refused("identity_matrix", True, error=TypeError, match="n: True, only an int is allowed")


# --- temperatures ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", KIT.names(WEEKS[0]))
def test_means_of_weeks(name):
    found = KIT.function(WEEKS[0], name)(torch.tensor(DAYS, dtype=torch.float32))
    torch.testing.assert_close(found, torch.tensor([501 / 7, 435 / 7, 79]))


@pytest.mark.parametrize("name", KIT.names(WEEKS[1]))
def test_differences_from_the_weeks_mean(name):
    found = KIT.function(WEEKS[1], name)(torch.tensor(DAYS, dtype=torch.float32))
    means = torch.tensor([501 / 7] * 7 + [435 / 7] * 7 + [79] * 7)
    torch.testing.assert_close(found, torch.tensor(DAYS) - means, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("name", KIT.names(WEEKS[2]))
def test_scores_by_the_sample_deviation(name):
    # Squares 9, 4, 1, 0, 1, 4, 9 over 6: the deviation is the root of 28/6.
    found = KIT.function(WEEKS[2], name)(torch.arange(7.0) + 10)
    expected = torch.arange(-3.0, 4) / math.sqrt(28 / 6)
    torch.testing.assert_close(found, expected)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(torch.arange(-3.0, 4) / math.sqrt(28 / 7), expected)


def scores_by_plain_moments(temps):
    """As the exercise asks: the mean, and torch.std, of each week."""
    weeks = temps.view(-1, 7)
    return ((weeks - weeks.mean(1, keepdim=True)) / weeks.std(1, keepdim=True)).flatten()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_week_by_plain_moments_is_infinite(dtype):
    axes = {"W": 100}
    assert worst(WEEKS[2], "normal", axes, scores_by_plain_moments, dtype=dtype) <= 1
    assert worst(WEEKS[2], "constant", axes, scores_by_plain_moments, dtype=dtype) == math.inf


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KIT.names(WEEKS[2]))
def test_a_constant_week_is_nan(name, dtype):
    inputs = KIT.make(WEEKS[2], "constant", {"W": 1000}, dtype=dtype)
    assert KIT.function(WEEKS[2], name)(*inputs.args).isnan().all()


@pytest.mark.parametrize("op", WEEKS)
def test_weeks_are_whole(op):
    refused(op, torch.ones(8), match=f"{op}: temps: 8 days, only whole weeks")
    refused(op, torch.ones(2, 7), match=rf"{op}: temps: shape \[2, 7\], only \[days\]")
    refused(op, torch.ones(7, dtype=torch.int64), error=TypeError, match="torch.int64, only fl")


def test_half_precision_is_subtracted_in_float32():
    def narrow(temps):
        weeks = temps.view(-1, 7)
        return (weeks - weeks.mean(1, keepdim=True)).flatten()

    days = torch.tensor(DAYS, dtype=torch.bfloat16)
    right = days.double() - days.double().view(-1, 7).mean(1).repeat_interleave(7)
    for name in KIT.names(WEEKS[1]):
        assert torch.equal(KIT.function(WEEKS[1], name)(days), right.bfloat16())
    assert not torch.equal(narrow(days), right.bfloat16())


# --- lookups ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "name"), KIT.pairs(*PRICES))
def test_total_price(op, name):
    prices, items = torch.tensor([0.5, 1, 1.5, 2, 2.5]), torch.tensor([0, 0, 1, 1, 4, 3, 2])
    assert KIT.function(op, name)(prices, items).item() == 9
    nothing = torch.empty(0, dtype=torch.int64)
    assert KIT.function(op, name)(prices, nothing).item() == 0
    assert KIT.function(op, name)(prices[:0], nothing).item() == 0


@pytest.mark.parametrize(("op", "name"), KIT.pairs(*PRICES))
def test_price_of_an_item_that_is_not_bought_does_not_matter(op, name):
    prices = torch.tensor([torch.nan, 2.0, torch.inf])
    assert KIT.function(op, name)(prices, torch.tensor([1, 1])).item() == 4


def test_items_without_a_price():
    prices = torch.tensor([1.0, 2.0])
    # The exercise looks at the largest item only, which there must be.
    assert prices[torch.tensor([-1])].sum() == 2
    with pytest.raises(RuntimeError):
        torch.empty(0, dtype=torch.int64).max()
    for op in PRICES:
        refused(op, prices, torch.tensor([0, -1]), match=f"{op}: items: -1, only 0 <= index < 2")
        refused(op, prices, torch.tensor([2, 0]), match=f"{op}: items: 2, only 0 <= index < 2")
        refused(op, prices[:0], torch.tensor([0]), match="items: 0, only 0 <= index < 0")
        refused(op, prices, torch.tensor([True]), error=TypeError, match="only torch.int64")
        refused(op, prices.int(), torch.tensor([0]), error=TypeError, match="prices: torch.int32")


@pytest.mark.parametrize(("op", "name"), KIT.pairs(*PRICES))
def test_gradients_are_not_added_in_half_precision(op, name):
    axes = {"K": 3, "N": 3000}
    for dtype in (torch.float16, torch.bfloat16):
        assert worst(op, "one_item", axes, KIT.function(op, name), dtype=dtype) <= 1
    narrow = worst(op, "one_item", axes, lambda p, i: p[i].sum(), dtype=torch.bfloat16)
    assert narrow > 10


@pytest.mark.parametrize("name", KIT.names("gather_2d"))
def test_gather_2d(name):
    matrix = torch.arange(15.0).view(3, 5)
    run = KIT.function("gather_2d", name)
    assert run(matrix, torch.tensor([[4], [3], [2]])).tolist() == [[4], [8], [12]]
    assert run(matrix, torch.tensor([[2, 4], [1, 3], [0, 2]])).tolist() == [
        [2, 4],
        [6, 8],
        [10, 12],
    ]


@pytest.mark.parametrize("name", KIT.names("integer_array_indexing"))
def test_integer_array_indexing(name):
    run = KIT.function("integer_array_indexing", name)
    flat = run(torch.arange(15).view(3, 5), torch.tensor([[0, 1], [0, 4], [1, 4]]))
    assert flat.tolist() == [1, 4, 9]
    places = torch.tensor([[0, 0, 0], [0, 1, 1], [0, 2, 2], [1, 0, 3], [1, 2, 0]])
    assert run(torch.arange(24).view(2, 3, 4), places).tolist() == [0, 5, 10, 15, 20]
    assert run(torch.arange(5), torch.tensor([[3], [0]])).tolist() == [3, 0]


@pytest.mark.parametrize(("op", "name"), KIT.pairs("collect_rows", "collect_columns"))
def test_collect(op, name):
    matrix, order = torch.arange(15.0).view(5, 3), [0, 2, 1, 0]
    found = KIT.function(op, name)(matrix, torch.tensor(order)).tolist()
    rows = matrix.tolist()
    if op == "collect_rows":
        assert found == [rows[place] for place in order]
    else:
        assert found == [[row[place] for place in order] for row in rows]


@pytest.mark.parametrize(("op", "name"), KIT.pairs("collect_rows", "collect_columns"))
def test_gradients_of_elements_taken_twice_are_added(op, name):
    matrix = torch.zeros(3, 3, requires_grad=True)
    found = KIT.function(op, name)(matrix, torch.tensor([0, 2, 0]))
    found.sum().backward()
    counts = matrix.grad if op == "collect_rows" else matrix.grad.T
    assert counts.tolist() == [[2] * 3, [0] * 3, [1] * 3]


def test_places_outside_of_the_matrix():
    matrix = torch.arange(6.0).view(2, 3)
    # Indexing counts from the end, gather and index_select don't.
    assert matrix[torch.tensor([-1])].tolist() == [[3, 4, 5]]
    with pytest.raises(IndexError):
        matrix.index_select(0, torch.tensor([-1]))
    for op, limit in (("collect_rows", 2), ("collect_columns", 3)):
        for wrong in (-1, limit):
            refused(op, matrix, torch.tensor([0, wrong]), match=f"{op}: indexes: {wrong}, only 0 <")
        refused(op, matrix[0], torch.tensor([0]), match=r"matrix: shape \[3\], only \[m, n\] is")
        refused(op, matrix, torch.tensor(0), match=r"indexes: shape \[\], only \[k\] is allowed")
        refused(op, matrix, torch.tensor([1.0]), error=TypeError, match="indexes: torch.float32")
    for wrong in (-1, 3):
        refused("gather_2d", matrix, torch.tensor([[0], [wrong]]), match=f"indexes: {wrong}, only")
    refused("gather_2d", matrix, torch.tensor([[0]]), match=r"shape \[1, 1\], only \[2, k\] is")


def test_coordinates_outside_of_the_matrix():
    op, matrix = "integer_array_indexing", torch.arange(24.0).view(2, 3, 4)
    assert matrix[(-1, 0, 0)] == 12
    for wrong, axis, size in (([-1, 0, 0], 0, 2), ([0, 3, 0], 1, 3), ([0, 0, 4], 2, 4)):
        says = rf"coords\[:, {axis}\]: {max(wrong) or -1}, only 0 <= index < {size} is allowed"
        refused(op, matrix, torch.tensor([[0, 0, 0], wrong]), match=says)
    # The exercise says one coordinate less than there are axes.
    refused(op, matrix, torch.tensor([[0, 0]]), match=r"coords: shape \[1, 2\], only \[b, 3\] is")
    refused(op, matrix.sum(), torch.tensor([[0]]), match=r"matrix: shape \[\], one axis or more")


# --- all of them -----------------------------------------------------------------------------

EVERY = KIT.pairs(*WEEKS, *PRICES, *PICKS)


@pytest.mark.parametrize(("op", "name"), EVERY)
def test_every_kind_and_shape(op, name):
    declared, run = KIT.catalog.ops[op], KIT.function(op, name)
    first, *others = kinds_of_any_dtype(declared)
    cases = [(kind, "odd") for kind in others] + [(first, shape) for shape in declared.edge]
    for kind, shape in cases:
        error = worst(op, kind, declared.edge[shape], run)
        assert (error > 1) == KIT.admits(op, name, kind), (kind, shape)


@st.composite
def cases(draw, op):
    """Axes, with something to pick from wherever something is picked."""
    declared = KIT.catalog.ops[op]
    small = st.integers(0, 9)
    axes = {axis: draw(small) for axis in declared.axes}
    if "R" in axes:
        axes["R"] = 1 + axes["R"] % 4
    picked = axes.get("B", axes["N"] if op in PRICES else axes.get("K", 0))
    for axis in ("D", "M", "N") if op in PICKS else ("K",) if op in PRICES else ():
        if picked and axis in axes:
            axes[axis] += 1
    dtype = draw(
        st.sampled_from([d for d in (*DTYPES, torch.int64) if label(d) in declared.dtypes])
    )
    return axes, dtype, draw(st.sampled_from(kinds_of_any_dtype(declared)))


def label(dtype):
    return str(dtype).removeprefix("torch.")


@pytest.mark.parametrize(("op", "name"), EVERY)
@settings(deadline=None, max_examples=8, derandomize=True)
@given(data=st.data(), layout=st.sampled_from(SAME_VALUES), seed=st.integers(0, 99))
def test_agrees_with_the_contract(op, name, data, layout, seed):
    axes, dtype, kind = data.draw(cases(op))
    inputs = KIT.make(op, kind, axes, dtype=dtype, seed=seed, layout=layout)
    if KIT.refuses(op, name, inputs) or KIT.admits(op, name, kind):
        return
    run = KIT.function(op, name)
    assert worst(op, kind, axes, run, dtype=dtype, seed=seed, layout=layout) <= 1


@pytest.mark.parametrize(("op", "name"), EVERY)
def test_gradient_by_differences(op, name):
    declared = KIT.catalog.ops[op]
    axes = {axis: 2 if op in WEEKS else 3 for axis in declared.axes}
    first, *others = KIT.make(op, next(iter(declared.inputs)), axes, dtype=torch.float64).args
    run = KIT.function(op, name)
    leaf = first.requires_grad_()
    assert torch.autograd.gradcheck(lambda tensor: run(tensor, *others), (leaf,))
    assert torch.autograd.gradcheck(lambda tensor: declared.oracle(tensor, *others), (leaf,))


def test_refusals_name_the_reason():
    coords = {"matrix": torch.ones(9), "coords": torch.zeros(5000, 1, dtype=torch.int64)}
    assert "4096" in KIT.refuses("integer_array_indexing", "loop", coords)
    wide = {"matrix": torch.ones(4, 2**20), "indexes": torch.zeros(4, 9, dtype=torch.int64)}
    assert "one-hot" in KIT.refuses("gather_2d", "one_hot_bmm", wide)
    tall = {"matrix": torch.ones(2**20, 1), "indexes": torch.zeros(33, dtype=torch.int64)}
    assert "one-hot" in KIT.refuses("collect_rows", "one_hot_matmul", tall)
    assert KIT.refuses("collect_columns", "one_hot_matmul", tall) is None
