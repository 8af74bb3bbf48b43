"""The C++ kernels of convolution, pooling and columns against torch in float64."""

import math
import shutil

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from opbench.impls.kernels import convolution_cpp, cpp_build

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
TOLERANCE = {
    torch.float64: 1e-13,
    torch.float32: 2e-6,
    torch.float16: 1.5e-3,
    torch.bfloat16: 1.2e-2,
}

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, cpp_build.COMPILERS)), reason="needs a C++ compiler"
)


def assert_near(found, expected, magnitude, dtype):
    """Within rounding of a sum whose terms have this sum of absolute values."""
    assert found.dtype == dtype
    assert found.shape == expected.shape
    assert found.is_contiguous()
    gap = (found.double() - expected).abs()
    allowed = TOLERANCE[dtype] * magnitude + torch.finfo(dtype).tiny
    assert bool((gap <= allowed).all()), float((gap / allowed).max())


def laid_out(tensor, layout):
    """The same values with other strides."""
    if layout == "last" and tensor.ndim > 1:
        return tensor.transpose(1, -1).contiguous().transpose(1, -1)
    if layout == "gaps":
        wide = torch.full((*tensor.shape[:-1], 2 * tensor.shape[-1] + 1), math.nan).to(tensor)
        return wide[..., 1::2].copy_(tensor)
    return tensor


def gradients(function, tensors, grad):
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    output = function(*leaves)
    return output.detach(), torch.autograd.grad(output, leaves, grad.to(output))


def both(run, reference, tensors, dtype, layout="plain"):
    """Outputs and gradients of `run` held against those of `reference` in float64."""
    exact = [tensor.to(dtype).double() for tensor in tensors]
    given = [laid_out(tensor.to(dtype), layout) for tensor in tensors]
    before = [tensor.clone() for tensor in given]
    grad = torch.randn(reference(*exact).shape).to(dtype)
    found, grads = gradients(run, given, laid_out(grad, layout))
    value, truths = gradients(reference, exact, grad.double())
    size, magnitudes = gradients(reference, [t.abs() for t in exact], grad.double().abs())
    assert_near(found, value, size, dtype)
    for got, want, magnitude in zip(grads, truths, magnitudes, strict=True):
        assert_near(got.contiguous(), want, magnitude, dtype)
    assert all(torch.equal(old, new) for old, new in zip(before, given, strict=True))


PAIR = st.tuples(st.integers(1, 4), st.integers(1, 4))
MARGIN = st.tuples(st.integers(0, 3), st.integers(0, 3))
STEPS = {"stride": PAIR, "padding": MARGIN, "dilation": st.tuples(*[st.integers(1, 3)] * 2)}


def fits(size, kernel, steps):
    """Whether a window fits on such an image."""
    lengths = zip(size, kernel, steps["padding"], steps["dilation"], strict=True)
    return all(n + 2 * p >= d * (k - 1) + 1 for n, k, p, d in lengths)


def positional(steps):
    return steps["stride"], steps["padding"], steps["dilation"]


# --- convolution -----------------------------------------------------------------------------


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    images=st.integers(0, 3),
    groups=st.integers(1, 3),
    channels=st.integers(1, 4),
    filters=st.integers(1, 20),
    size=st.tuples(st.integers(1, 20), st.integers(1, 40)),
    kernel=PAIR,
    steps=st.fixed_dictionaries(STEPS),
    bias=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(["plain", "last", "gaps"]),
)
def test_convolution(images, groups, channels, filters, size, kernel, steps, bias, dtype, layout):
    assume(fits(size, kernel, steps))
    torch.manual_seed(0)
    tensors = [
        torch.randn(images, groups * channels, *size),
        torch.randn(groups * filters, channels, *kernel),
    ]
    tensors += [torch.randn(groups * filters)] if bias else []

    def run(x, w, b=None):
        return convolution_cpp.conv2d(x, w, b, **steps, groups=groups)

    def reference(x, w, b=None):
        return functional.conv2d(x, w, b, *positional(steps), groups)

    both(run, reference, tensors, dtype, layout)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "weight", "options"),
    [
        ((1, 3, 40, 37), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
        ((2, 24, 19, 23), (40, 24, 3, 3), {"padding": 1}),
        ((1, 33, 14, 15), (50, 33, 1, 1), {}),
        ((1, 33, 15, 14), (17, 33, 1, 1), {"stride": 2}),
        ((2, 200, 7, 7), (24, 200, 3, 3), {"padding": 1}),
        ((3, 16, 30, 29), (16, 1, 3, 3), {"padding": 1, "groups": 16}),
        ((3, 16, 30, 29), (48, 1, 5, 3), {"padding": (2, 1), "groups": 16, "stride": (1, 2)}),
        ((1, 12, 28, 28), (20, 12, 3, 3), {"padding": 2, "dilation": 2}),
        ((2, 1, 3, 2), (3, 1, 2, 2), {"padding": 3, "dilation": 2}),
        ((1, 2, 40, 700), (2, 2, 3, 3), {"padding": 1}),
    ],
)
def test_shapes_that_people_meet(shape, weight, options, dtype):
    torch.manual_seed(0)
    tensors = [torch.randn(shape), torch.randn(weight), torch.randn(weight[0])]
    both(
        lambda *given: convolution_cpp.conv2d(*given, **options),
        lambda *given: functional.conv2d(*given, **options),
        tensors,
        dtype,
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_threads(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        test_shapes_that_people_meet((2, 24, 19, 23), (40, 24, 3, 3), {"padding": 1}, DTYPES[0])
        test_shapes_that_people_meet((3, 16, 30, 29), (16, 1, 3, 3), {"groups": 16}, DTYPES[0])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_deep_sums_keep_their_precision(dtype):
    x, w = torch.full((1, 3000, 2, 2), 0.1).to(dtype), torch.ones(8, 3000, 1, 1).to(dtype)
    expected = functional.conv2d(x.double(), w.double())
    assert_near(convolution_cpp.conv2d(x, w), expected, 2 * expected, dtype)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_pixel_that_is_not_finite_stays_in_its_windows(bad, groups):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 11, 9)
    x[0, 1, 4, 0] = x[1, 3, 10, 8] = bad
    w, grad = torch.randn(8, 4 // groups, 3, 3), torch.randn(2, 8, 9, 7)
    found = gradients(lambda *g: convolution_cpp.conv2d(*g, groups=groups), [x, w], grad)
    wanted = gradients(
        lambda *g: functional.conv2d(*g, groups=groups), [x.double(), w.double()], grad.double()
    )
    for got, want in zip((found[0], *found[1]), (wanted[0], *wanted[1]), strict=True):
        assert torch.equal(got.isfinite(), want.isfinite())


def test_without_images_nothing_is_left_undefined():
    x, w = torch.randn(0, 2, 5, 5), torch.randn(3, 2, 3, 3)
    found, (grad_x, grad_w) = gradients(convolution_cpp.conv2d, [x, w], torch.randn(0, 3, 3, 3))
    assert found.shape == (0, 3, 3, 3)
    assert grad_x.shape == x.shape
    assert torch.equal(grad_w, torch.zeros_like(w))


# --- pooling ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    images=st.integers(0, 3),
    channels=st.integers(1, 3),
    size=st.tuples(st.integers(1, 20), st.integers(1, 40)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    steps=st.fixed_dictionaries(STEPS),
    levels=st.sampled_from([3, 1000]),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(["plain", "last", "gaps"]),
)
def test_pooling(images, channels, size, kernel, steps, levels, dtype, layout):
    padding = tuple(min(p, k // 2) for p, k in zip(steps["padding"], kernel, strict=True))
    steps = {**steps, "padding": padding}
    assume(fits(size, kernel, steps))
    torch.manual_seed(0)
    x = (torch.rand(images, channels, *size) * levels).floor() - levels

    def run(x):
        return convolution_cpp.max_pool2d(x, kernel, **steps)

    def reference(x):
        return functional.max_pool2d(x, kernel, *positional(steps))

    value = reference(x)
    assume(bool(value.isfinite().all()))  # else a window sees nothing but padding
    given = laid_out(x.to(dtype), layout)
    assert torch.equal(run(given), reference(x.to(dtype)))
    grad = torch.randn(value.shape).to(dtype)
    found, (got,) = gradients(run, [given], laid_out(grad, layout))
    _, (want,) = gradients(reference, [x.to(dtype).double()], grad.double())
    _, (magnitude,) = gradients(reference, [x.to(dtype).double()], grad.double().abs())
    assert torch.equal(found, reference(x.to(dtype)))
    assert_near(got.contiguous(), want, magnitude, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_is_the_maximum_and_padding_never_is(dtype):
    x = torch.full((1, 1, 3, 8), -math.inf, dtype=dtype)
    x[0, 0, 1, 1], x[0, 0, 0, 6] = math.nan, -5
    expected = functional.max_pool2d(x, 3, 1, 1)
    for leaf in (x, x.clone().requires_grad_()):
        found = convolution_cpp.max_pool2d(leaf, 3, padding=1).detach()
        torch.testing.assert_close(found, expected, equal_nan=True, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1.0, 2, 2, 0], [0, 2, 0, 0]),  # the first of those that tie
        ([math.nan, 1, math.nan, 2], [1, 0, 1, 0]),  # the first NaN
        ([-math.inf] * 4, [1, 1, 0, 0]),  # not the padding
    ],
)
def test_the_gradient_goes_to_the_first_maximum(row, expected):
    x = torch.tensor([[[row]]]).requires_grad_()
    convolution_cpp.max_pool2d(x, (1, 3), stride=(1, 2), padding=(0, 1)).sum().backward()
    assert x.grad.flatten().tolist() == expected


def test_places_are_looked_up_for_the_gradients_sake_alone():
    x = torch.randn(1, 1, 8, 8, requires_grad=True)
    assert convolution_cpp.max_pool2d(x, 2).requires_grad
    with torch.no_grad():
        assert not convolution_cpp.max_pool2d(x, 2).requires_grad
    assert torch.equal(convolution_cpp.max_pool2d(x, 2), convolution_cpp.max_pool2d(x.detach(), 2))


# --- columns ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    images=st.integers(1, 3),
    channels=st.integers(1, 3),
    size=st.tuples(st.integers(1, 20), st.integers(1, 40)),
    kernel=PAIR,
    steps=st.fixed_dictionaries(STEPS),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(["plain", "last", "gaps"]),
)
def test_columns_and_back(images, channels, size, kernel, steps, dtype, layout):
    assume(fits(size, kernel, steps))
    torch.manual_seed(0)
    x = torch.randn(images, channels, *size)
    options = {name: steps[name] for name in ("dilation", "padding", "stride")}.values()
    both(
        lambda x: convolution_cpp.im2col(x, kernel, **steps),
        lambda x: functional.unfold(x, kernel, *options),
        [x],
        dtype,
        layout,
    )
    both(
        lambda columns: convolution_cpp.col2im(columns, size, kernel, **steps),
        lambda columns: functional.fold(columns, size, kernel, *options),
        [torch.randn_like(functional.unfold(x, kernel, *options))],
        dtype,
        layout,
    )


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.bfloat16])
def test_columns_move_any_type(dtype):
    x = torch.randint(0, 2, (2, 3, 6, 7)).to(dtype)
    found = convolution_cpp.im2col(x, (3, 2), stride=2, padding=1)
    expected = functional.unfold(x.double(), (3, 2), 1, 1, 2)
    assert found.dtype == dtype
    assert torch.equal(found.double(), expected)


def test_columns_of_no_image():
    assert convolution_cpp.im2col(torch.randn(0, 2, 5, 5), 3).shape == (0, 18, 9)
    assert convolution_cpp.col2im(torch.randn(0, 18, 9), 5, 3).shape == (0, 2, 5, 5)


# --- what torch knows of them ---------------------------------------------------------------------


def op_calls():
    """Every op with small arguments."""
    ops = convolution_cpp.load_ops(convolution_cpp.SOURCE)
    torch.manual_seed(0)

    def leaf(*shape):
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    x, w, b = leaf(2, 4, 5, 6), leaf(6, 2, 3, 2), leaf(6)
    windows = (3, 2, 2, 1, 1, 1, 1, 2)
    grad = torch.randn_like(ops.conv2d(x, w, b, *windows[2:], 2)).detach()
    columns = ops.im2col(x, *windows).detach().requires_grad_()
    places = ops.max_pool2d_with_places(x, *windows)[1]
    pooled_grad = torch.randn(places.shape, dtype=torch.float64)
    return {
        "conv2d": (ops.conv2d, (x, w, b, *windows[2:], 2)),
        "conv2d_without_bias": (ops.conv2d, (x, w, None, *windows[2:], 2)),
        "conv2d_grad_x": (ops.conv2d_grad_x, (grad, w.detach(), 5, 6, *windows[2:], 2)),
        "conv2d_grad_w": (ops.conv2d_grad_w, (grad, x.detach(), *windows, 2)),
        "max_pool2d": (ops.max_pool2d, (x.detach(), *windows)),
        "max_pool2d_with_places": (ops.max_pool2d_with_places, (x, *windows)),
        "max_pool2d_backward": (ops.max_pool2d_backward, (pooled_grad, places, 5, 6)),
        "im2col": (ops.im2col, (x, *windows)),
        "col2im": (ops.col2im, (columns, 5, 6, *windows)),
    }


OPS = (
    *("conv2d", "conv2d_without_bias", "conv2d_grad_x", "conv2d_grad_w", "max_pool2d"),
    *("max_pool2d_with_places", "max_pool2d_backward", "im2col", "col2im"),
)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", OPS)
def test_ops_are_registered_properly(name):
    op, args = op_calls()[name]
    torch.library.opcheck(op, args)


@pytest.mark.parametrize(
    "name", ["conv2d", "conv2d_without_bias", "max_pool2d_with_places", "im2col", "col2im"]
)
def test_gradients_by_differences(name):
    op, args = op_calls()[name]
    assert torch.autograd.gradcheck(lambda *given: _first(op(*given)), args)


def _first(output):
    return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: convolution_cpp.conv2d(x, torch.randn(4, 3, 3, 3)), "groups must divide"),
        (lambda x: convolution_cpp.conv2d(x, torch.randn(4, 2, 9, 9)), "larger than the image"),
        (lambda x: convolution_cpp.conv2d(x, torch.randn(4, 2, 3, 3).half()), "of one type"),
        (lambda x: convolution_cpp.max_pool2d(x, 3, stride=0), "at least 1"),
        (lambda x: convolution_cpp.max_pool2d(x[0], 3), "must have 4 axes"),
        (lambda x: convolution_cpp.col2im(x[0], 5, 2), "columns must be"),
    ],
)
def test_what_cannot_be_computed_is_refused(call, words):
    with pytest.raises(RuntimeError, match=words):
        call(torch.randn(1, 2, 5, 5))
