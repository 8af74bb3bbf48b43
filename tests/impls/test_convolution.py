"""Every contender for convolution and pooling: worked examples, the contract, the traps."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from opbench.harness.declare import SAME_VALUES
from tests.impls.contenders import DTYPES, QUIET, Kit, kinds_of_any_dtype

KIT = Kit(
    "opbench.suites.convolution",
    "opbench.impls.conv2d",
    "opbench.impls.conv2d_backward",
    "opbench.impls.max_pool2d",
    "opbench.impls.max_pool2d_backward",
    "opbench.impls.columns",
)
OPS = KIT.catalog.ops
PAIRS = KIT.pairs()
NEEDS_AN_IMAGE = [("conv2d", "fft"), ("conv2d_backward", "transposed")]
INF, NAN = float("inf"), float("nan")


def graded(op, name):
    """Whether the contender has gradients to check."""
    return bool(OPS[op].grad) and (op, name) != ("conv2d", "fft")


def worst(op, name, kind, axes, **how):
    """The largest error of a contender on such inputs, as a multiple of the tolerance."""
    inputs = KIT.make(op, kind, axes, **how)
    gradients = graded(op, name) and kind not in OPS[op].ungraded
    dtype = how.get("dtype", torch.float32)
    return max(KIT.errors(op, inputs, KIT.function(op, name), dtype, gradients=gradients))


def image(*rows):
    """[1, 1, H, W]."""
    return torch.tensor(rows, dtype=torch.float32)[None, None]


SQUARE = image([1, 2, 3], [4, 5, 6], [7, 8, 9])

# --- worked examples -------------------------------------------------------------------------


@pytest.mark.parametrize("name", KIT.names("conv2d"))
def test_a_convolution(name):
    run, w = KIT.function("conv2d", name), image([1, 0], [0, -1])
    torch.testing.assert_close(run(SQUARE, w), image([-4, -4], [-4, -4]), atol=1e-5, rtol=0)
    found = run(SQUARE, w, torch.tensor([0.5]), stride=2, padding=1)
    torch.testing.assert_close(found, image([-0.5, -2.5], [-6.5, -3.5]), atol=1e-5, rtol=0)
    spread = run(SQUARE, w, dilation=(2, 1), padding=(0, 1))
    torch.testing.assert_close(spread, image([-7, -7, -7, 3]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", KIT.names("conv2d"))
def test_groups_see_their_own_channels(name):
    x = torch.cat([SQUARE, 10 * SQUARE], 1)
    found = KIT.function("conv2d", name)(x, torch.ones(4, 1, 3, 3), groups=2)
    torch.testing.assert_close(found.flatten(), torch.tensor([45.0, 45, 450, 450]))


@pytest.mark.parametrize("name", KIT.names("conv2d"))
def test_a_missing_bias_is_no_bias(name):
    inputs = KIT.make("conv2d", "no_bias", OPS["conv2d"].edge["odd"])
    x, w, b = inputs.args
    assert b is None
    run = KIT.function("conv2d", name)
    torch.testing.assert_close(
        run(x, w, None, **inputs.options), run(x, w, x.new_zeros(len(w)), **inputs.options)
    )


def test_contender_that_needs_a_bias_fails_without_one():
    def biased(x, w, b=None, **options):
        return functional.conv2d(x, w, **options) + b.view(1, len(w), 1, 1)

    with_bias, without = (
        KIT.make("conv2d", kind, OPS["conv2d"].edge["odd"]) for kind in ("normal", "no_bias")
    )
    assert max(KIT.errors("conv2d", with_bias, biased, torch.float32)) <= 1
    with pytest.raises(AttributeError, match="NoneType"):
        KIT.errors("conv2d", without, biased, torch.float32)


@pytest.mark.parametrize("name", KIT.names("max_pool2d"))
def test_a_maximum(name):
    run = KIT.function("max_pool2d", name)
    assert run(SQUARE, 2).tolist() == image([5, 6], [8, 9]).tolist()  # the stride is 1
    assert run(SQUARE, 2, stride=2, padding=1).tolist() == image([1, 3], [7, 9]).tolist()
    assert run(SQUARE, (1, 2), dilation=2).tolist() == image([3], [6], [9]).tolist()
    assert run(SQUARE, 1).tolist() == SQUARE.tolist()
    assert run(SQUARE, (3, 1)).tolist() == image([7, 8, 9]).tolist()


@pytest.mark.parametrize("name", KIT.names("max_pool2d"))
def test_padding_is_never_the_maximum(name):
    run = KIT.function("max_pool2d", name)
    assert run(-SQUARE, 3, padding=1).max() == -1
    assert run(image([-INF]), 3, padding=1).tolist() == image([-INF]).tolist()


@pytest.mark.parametrize("kind", ["negative", "masked"])
def test_padding_of_zeros_would_be_the_maximum(kind):
    def zero_padded(x, kernel_size, *, stride=1, padding=0, dilation=1):
        columns = functional.unfold(x, kernel_size, dilation, padding, stride)
        size = functional.max_pool2d(x, kernel_size, stride, padding, dilation).shape[2:]
        return columns.view(*x.shape[:2], kernel_size**2, *size).amax(2)

    inputs = KIT.make("max_pool2d", kind, OPS["max_pool2d"].edge["odd"])
    assert max(KIT.errors("max_pool2d", inputs, zero_padded, torch.float32, gradients=False)) > 1


@pytest.mark.parametrize("name", KIT.names("max_pool2d"))
def test_nan_is_the_maximum(name):
    found = KIT.function("max_pool2d", name)(image([1, NAN, 3], [4, 5, 6], [7, 8, 9]), 2)
    assert found.isnan().tolist() == image([1, 1], [0, 0]).bool().tolist()
    assert found[0, 0, 1].tolist() == [8, 9]


@pytest.mark.parametrize("name", KIT.names("max_pool2d_backward"))
def test_the_first_maximum_gets_the_gradient(name):
    run = KIT.function("max_pool2d_backward", name)
    grads = image([1, 2], [4, 8])
    assert run(grads, torch.ones(1, 1, 3, 3), 2).tolist() == [[[[1, 2, 0], [4, 8, 0], [0, 0, 0]]]]
    assert run(grads, SQUARE, 2).tolist() == [[[[0, 0, 0], [0, 1, 2], [0, 4, 8]]]]
    assert run(grads, -SQUARE, 2, stride=2, padding=1).tolist() == [
        [[[1, 2, 0], [4, 8, 0], [0, 0, 0]]]
    ]


def test_a_gradient_split_between_ties_would_be_wrong():
    def split(grad_out, x, kernel_size, **options):
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            out = KIT.function("max_pool2d", "shifted_max")(leaf, kernel_size, **options)
            return torch.autograd.grad(out, leaf, grad_out)[0]

    op = "max_pool2d_backward"
    inputs = KIT.make(op, "ties", OPS[op].edge["odd"])
    assert max(KIT.errors(op, inputs, split, torch.float32)) > 1


@pytest.mark.parametrize("name", KIT.names("im2col"))
def test_windows_become_columns(name):
    run = KIT.function("im2col", name)
    assert run(SQUARE, 2).tolist() == [[[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]]
    assert run(SQUARE, (1, 2), padding=(0, 1), stride=(2, 3)).tolist() == [
        [[0, 3, 0, 9], [1, 0, 7, 0]]
    ]
    pixels = run(SQUARE, 1)
    pixels.zero_()
    assert SQUARE.sum() == 45


@pytest.mark.parametrize("name", KIT.names("col2im"))
def test_columns_add_up_to_an_image(name):
    run = KIT.function("col2im", name)
    found = run(torch.arange(1.0, 17).view(1, 4, 4), 3, 2)
    assert found.tolist() == image([1, 7, 6], [12, 34, 22], [11, 27, 16]).tolist()
    ends = run(torch.tensor([[[1.0, 2], [3, 4]]]), (1, 3), (1, 2), stride=(1, 3), padding=(0, 1))
    assert ends.tolist() == image([3, 0, 2]).tolist()


@pytest.mark.parametrize("name", KIT.names("conv2d_backward"))
def test_the_gradients_of_a_convolution(name):
    found = KIT.function("conv2d_backward", name)(
        image([1, 10]), SQUARE, image([1, 2], [3, 4], [5, 6])
    )
    assert found[0].tolist() == image([1, 12, 20], [3, 34, 40], [5, 56, 60]).tolist()
    assert found[1].tolist() == image([21, 32], [54, 65], [87, 98]).tolist()
    assert found[2].tolist() == [11]


# --- the contract ----------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "name"), PAIRS)
def test_edge_shapes(op, name):
    kind = next(iter(OPS[op].inputs))
    for axes in OPS[op].edge.values():
        if axes["N"] or (op, name) not in NEEDS_AN_IMAGE:
            assert worst(op, name, kind, axes) <= 1


@pytest.mark.parametrize(("op", "name"), NEEDS_AN_IMAGE)
def test_an_empty_batch_is_refused_where_torch_has_no_answer(op, name):
    inputs = KIT.make(op, "normal", OPS[op].edge["no_image"])
    assert KIT.refuses(op, name, inputs)


@pytest.mark.parametrize(("op", "name"), PAIRS)
def test_failures_are_those_that_caveats_declare(op, name):
    for kind in kinds_of_any_dtype(OPS[op]):
        errors = [worst(op, name, kind, OPS[op].edge["odd"], dtype=dtype) for dtype in DTYPES]
        assert KIT.shows(op, name, kind) in (None, max(errors) > 1), (kind, errors)


@st.composite
def sizes(draw, op):
    """Axes of an op with at least one window, and no window without an element."""
    number = st.integers
    kernel, stride, dilation = draw(number(1, 4)), draw(number(1, 3)), draw(number(1, 2))
    padding, reach = draw(number(0, kernel // 2)), dilation * (kernel - 1) + 1
    axes = {"N": draw(number(1, 3)), "K": kernel, "stride": stride, "padding": padding}
    # The kernels of the kind that has another for each axis span three rows and columns.
    height, width = (max(reach, 3) + draw(number(0, 4)) for _ in range(2))
    axes |= {"dilation": dilation, "H": height, "W": width}
    if "Co" not in OPS[op].axes:
        return {**axes, "C": draw(number(1, 4))}
    groups = draw(number(1, 3))
    channels = {"Ci": groups * draw(number(1, 3)), "Co": groups * draw(number(1, 3))}
    return {**axes, **channels, "groups": groups}


@pytest.mark.parametrize(("op", "name"), PAIRS)
@settings(deadline=None, max_examples=8, derandomize=True)
@given(data=st.data())
def test_agrees_with_the_contract(op, name, data):
    kinds = [k for k in OPS[op].inputs if not KIT.admits(op, name, k) and k != "peaks"]
    error = worst(
        op,
        name,
        data.draw(st.sampled_from(kinds)),
        data.draw(sizes(op)),
        dtype=data.draw(st.sampled_from(DTYPES)),
        layout=data.draw(st.sampled_from(SAME_VALUES)),
        seed=data.draw(st.integers(0, 99)),
    )
    assert error <= 1


@pytest.mark.parametrize(("op", "name"), [pair for pair in PAIRS if graded(*pair)])
def test_gradient_by_differences(op, name):
    names = ("x", "w", "b") if op == "conv2d" else OPS[op].grad
    axes = {"N": 2, "H": 4, "W": 5, "K": 2, "stride": 2, "padding": 1, "dilation": 1}
    axes |= {"Ci": 2, "Co": 2, "groups": 2} if op == "conv2d" else {"C": 2}
    kind = next(iter(OPS[op].inputs))
    bound, leaves = KIT.make(op, kind, axes, dtype=torch.float64).leaves(names)
    run = KIT.function(op, name)

    def call(*given):
        return run(*given, *bound.args[len(given) :], **bound.options)

    assert torch.autograd.gradcheck(call, leaves)


@QUIET
@pytest.mark.parametrize(("op", "name"), KIT.pairs(compiled=True))
def test_compiled(op, name):
    assert worst(op, name, next(iter(OPS[op].inputs)), OPS[op].edge["odd"]) <= 1


def test_what_sees_padding_alone_is_rounding_in_a_spectrum():
    # As the gradient of what no window sees is: why it isn't asked for.
    axes = OPS["conv2d"].edge["wide_padding"]
    assert "rounding" in KIT.refuses("conv2d", "fft", KIT.make("conv2d", "no_bias", axes))
    assert worst("conv2d", "fft", "no_bias", axes) > 1


# --- what is outside the contracts -----------------------------------------------------------

X, W, COLUMNS = torch.ones(2, 4, 5, 6), torch.ones(6, 2, 3, 3), torch.ones(2, 36, 12)
GRAD = torch.ones(2, 6, 3, 4)
REFUSED = [
    ("conv2d", (X[0], W), {"groups": 2}, ValueError, r"x: shape \[4, 5, 6\], only \[N, C, H, W\]"),
    ("conv2d", (X[:, :0], W), {}, ValueError, "only the first axis is allowed to be empty"),
    ("conv2d", (X.long(), W), {"groups": 2}, TypeError, "x: torch.int64, only floating-point"),
    ("conv2d", (X, W.double()), {"groups": 2}, TypeError, "w: torch.float64, only torch.float32"),
    ("conv2d", (X, W), {"groups": 3}, ValueError, "groups: 3, a common divisor of the 4 channels"),
    ("conv2d", (X, W), {"groups": 0}, ValueError, "groups: 0"),
    ("conv2d", (X, W), {"groups": True}, TypeError, "groups: True, an int"),
    ("conv2d", (X, W), {}, ValueError, r"w: shape \[6, 2, 3, 3\], only \[Co, 4, Kh, Kw\]"),
    ("conv2d", (X, W, W), {"groups": 2}, ValueError, r"b: shape .*, only \[6\] is allowed"),
    ("conv2d", (X, W, torch.ones(6).half()), {"groups": 2}, TypeError, "b: torch.float16, only"),
    ("conv2d", (X, W), {"groups": 2, "stride": 0}, ValueError, "stride: 0, 1 and more"),
    ("conv2d", (X, W), {"groups": 2, "padding": (0, -1)}, ValueError, r"padding: \(0, -1\), 0 and"),
    ("conv2d", (X, W), {"groups": 2, "padding": "same"}, TypeError, "padding: 'same', an int or"),
    ("conv2d", (X, W), {"groups": 2, "dilation": 3}, ValueError, "larger than the image"),
    ("conv2d_backward", (GRAD[:1], X, W), {"groups": 2}, ValueError, r"only \[2, 6, 3, 4\] is"),
    ("conv2d_backward", (GRAD.half(), X, W), {"groups": 2}, TypeError, "grad_out: torch.float16"),
    ("max_pool2d", (X, 3), {"padding": 2}, ValueError, "padding: 2, at most half of kernel_size 3"),
    ("max_pool2d", (X, (3, 1)), {"padding": 1}, ValueError, "at most half"),
    ("max_pool2d", (X, 2), {"padding": 1, "dilation": 6}, ValueError, "nothing but padding"),
    ("max_pool2d", (X, 7), {}, ValueError, "larger than the image"),
    ("max_pool2d", (X, (2, 2, 2)), {}, TypeError, r"kernel_size: \(2, 2, 2\), an int or a pair"),
    ("max_pool2d", (X.long(), 2), {}, TypeError, "only floating-point"),
    ("max_pool2d_backward", (X, X, 2), {}, ValueError, r"only \[2, 4, 4, 5\] is allowed"),
    ("im2col", (X, 6), {}, ValueError, "larger than the image"),
    ("im2col", (X.int(), 2), {}, TypeError, "only floating-point"),
    ("col2im", (COLUMNS, (5, 6), 3), {"stride": 2}, ValueError, r"only \[N, C \* 9, 4\] is"),
    ("col2im", (COLUMNS, (5, 6), (3, 5)), {}, ValueError, r"only \[N, C \* 15, 6\] is allowed"),
    ("col2im", (COLUMNS, 0, 3), {}, ValueError, "output_size: 0, 1 and more is allowed"),
]


@pytest.mark.parametrize(("op", "args", "options", "error", "message"), REFUSED)
def test_what_is_refused(op, args, options, error, message):
    with pytest.raises(error, match=f"^{op}: .*{message}"):
        KIT.catalog.call(op, *args, impl="torch" if op in TORCH else "autograd", **options)


TORCH = [op for op in OPS if "torch" in KIT.catalog.impls[op]]


@pytest.mark.parametrize("op", list(OPS))
def test_its_own_inputs_are_allowed(op):
    declared = OPS[op]
    wanted = inspect.signature(declared.validate).parameters
    for kind in declared.inputs:
        for grid in (declared.edge, declared.quick):
            inputs = KIT.make(op, kind, next(iter(grid.values())))
            values = {**declared.defaults, **inputs.values}
            declared.validate(**{name: values[name] for name in wanted})
