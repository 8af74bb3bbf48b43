"""What an element's error is measured by: nothing that cancels, nothing that hides an error."""

import pytest
import torch

from opbench import Cost, Op
from opbench.harness.correctness.checks import check
from opbench.harness.correctness.oracle import expect
from opbench.harness.correctness.reference import build_reference
from opbench.harness.preparation.inputs import Inputs
from opbench.results.records import Case, Right, Wrong
from tests.harness.correctness.functions import FUNCTIONS, KINDS, reference_of

DTYPES = ("float32", "float16", "bfloat16")
#: By dtype of a case, what is too short to compute in.
SHORT = {"float32": torch.bfloat16, "float16": torch.float8_e4m3fn, "bfloat16": torch.float8_e4m3fn}


@pytest.fixture(autouse=True)
def one_thread():
    """The functions are small: two threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def in_short(function, dtype):
    """The same function inside a shorter dtype; float8 can't compute: it takes the inputs."""
    inside = torch.bfloat16 if dtype == "float32" else getattr(torch, dtype)

    def short(tensor):
        return tensor.to(SHORT[dtype]).to(inside) if tensor.is_floating_point() else tensor

    return lambda *args: function(*map(short, args)).to(getattr(torch, dtype))


def test_there_are_functions_enough():
    assert len(FUNCTIONS) >= 30


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_torchs_own_function_is_right_and_a_short_one_is_wrong(name, dtype):
    function = FUNCTIONS[name][1]
    for kind in KINDS:
        reference = reference_of(name, kind, dtype)
        verdict = check(reference, function)
        assert isinstance(verdict, Right), (kind, verdict)
        if kind == "normal":
            assert isinstance(check(reference, in_short(function, dtype)), Wrong)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_half_precision_inside_of_float32_is_wrong_by_far(name, kind):
    verdict = check(reference_of(name, kind, "float32"), in_short(FUNCTIONS[name][1], "float32"))
    assert isinstance(verdict, Wrong)
    assert verdict.error > 10


# --- sums of many terms ----------------------------------------------------------------------

COLUMNS = 4096


def sum_of(x):
    return x.sum(-1, keepdim=True)


def short_sum(x):
    """The sum of each row, added up in its own dtype."""
    total = x[..., :1].clone()
    for column in range(1, x.shape[-1]):
        total += x[..., column : column + 1]
    return total


#: Of numbers and of a way to sum them up.
SUMMED = {
    "mean": lambda x, add: add(x) / COLUMNS,
    "less_mean": lambda x, add: x - add(x) / COLUMNS,
    "shares": lambda x, add: COLUMNS * x / add(x),
    "softmax": lambda x, add: x.exp() / add(x.exp()),
    "rms_norm": lambda x, add: x / (add(x * x / COLUMNS) + 1e-5).sqrt(),
    "normalize": lambda x, add: x / add(x * x).sqrt(),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", SUMMED)
def test_summing_up_in_half_precision_is_wrong(name, dtype):
    function = SUMMED[name]
    op = op_of(
        lambda x: function(x, sum_of), lambda rng: 0.5 * torch.rand(3, COLUMNS, generator=rng)
    )
    reference = build_reference(op, case_of(dtype))
    # What torch sums up in float32, and rounds at each step.
    assert isinstance(check(reference, lambda x: function(x, sum_of)), Right)
    assert isinstance(check(reference, lambda x: function(x, short_sum)), Wrong)


def op_of(oracle, make, grad=()):
    return Op(
        name="mine",
        oracle=oracle,
        axes={"N": "rows"},
        inputs={"normal": lambda rng: {"x": make(rng)}},
        quick={"small": {"N": 1}},
        dtypes=DTYPES,
        cost=lambda: Cost(0, 0),
        grad=grad,
    )


def case_of(dtype="float32"):
    return Case(op="mine", shape="small", axes=(("N", 1),), inputs="normal", dtype=dtype)


# --- single numbers --------------------------------------------------------------------------


def sizes(oracle, x, grad=("x",)):
    """The sizes of the outputs and of the gradients."""
    op = op_of(oracle, lambda rng: x, grad)
    given = Inputs(("x",), (x,), {})
    truth = expect(op, given, dtype="float32", seed=0, gradients=bool(grad))
    return [truth.magnitude for truth in (*truth.outputs, *truth.gradients)]


def test_sum_of_products_is_measured_by_the_sum_of_the_absolute_values():
    x = torch.tensor([[3.0, -2.0, -1.0]])
    size, gradient = sizes(lambda x: (2 * x).sum(1), x)
    assert size.item() == 12
    assert gradient.unique().numel() == 1


def test_difference_is_measured_by_what_is_subtracted():
    x = torch.tensor([[1000.1, 999.9], [0.1, -0.1]])
    size, _ = sizes(lambda x: x - x.mean(1, keepdim=True), x)
    assert 300 < size[0].min() <= size[0].max() < 3000
    assert size[1].max() < 1


def test_constant_of_a_negative_sign_does_not_cancel():
    x = torch.full((4,), 1000.1)
    size, _ = sizes(lambda x: x + -1000.0, x)
    assert size.min() > 300


def test_a_verdict_never_depends_on_chance():
    x = torch.randn(5, 7)
    one, other = (sizes(lambda x: torch.softmax(x, 1), x) for _ in range(2))
    assert all(map(torch.equal, one, other))


def test_equal_numbers_stay_equal():
    x = torch.tensor([[0.3, 0.7, 0.7, 0.1]])
    value, gradient = sizes(lambda x: x.exp().gather(1, x.exp().argmax(1, keepdim=True)), x)
    # Were the other one the largest, the gradient would move by all of it.
    assert gradient.max() < 100
    assert value.max() < 10


def test_whole_numbers_may_be_places():
    x = torch.tensor([0.0, 1.0, 2.0, 3.0])
    size, _ = sizes(lambda x: (x * x).exp()[(x * 2 / 2).floor().long()], x)
    # Had a place changed, some element would have moved by millions of units.
    assert size.max() <= 100 * (x * x).exp().max()


def test_what_is_not_finite_leaves_the_sizes_beside_it():
    x = torch.tensor([[1.0, torch.inf], [1.0, 2.0]])
    size, _ = sizes(lambda x: torch.where(x.isinf(), x, x - 1000), x)
    assert size.isfinite().all()
    assert size[1].min() > 100


def test_elements_near_0_are_measured_by_their_row():
    x = torch.tensor([[0.0, 1000.1, -3.3, 77.7]])
    size, _ = sizes(lambda x: torch.tanh(x), x)
    assert size.min() > 0


def test_an_oracle_that_absolute_values_break_is_no_fault():
    def oracle(x):
        if (x >= 0).all():
            raise ValueError("no negative number")
        return x * 3

    assert sizes(oracle, torch.tensor([-1.0, 2.0]))[0].min() > 0
