"""The Triton pixel shuffles against torch's own, under the interpreter on the CPU.

`test_kernels_triton.py` runs this file in a process where TRITON_INTERPRET=1 was set first.
"""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.impls.interpreting import DTYPES, assert_same, laid_out

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("run by test_kernels_triton.py in a process of its own", allow_module_level=True)
pytest.importorskip("triton")

from opbench.impls.kernels import pixels_triton

torch_unshuffle = torch.nn.functional.pixel_unshuffle
torch_shuffle = torch.nn.functional.pixel_shuffle
#: batches, channels, height and width of the small image, factor
SIZES = ((2, 3, 5, 7, 2), (1, 2, 3, 1, 3), (3, 1, 1, 1, 1), (1, 1, 1, 2, 65))


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_ways_in_any_layout(dtype):
    torch.manual_seed(0)
    for batches, channels, height, width, factor in SIZES[:3]:
        large = torch.randn(batches, channels, height * factor, width * factor).to(dtype)
        for x in laid_out(large):
            assert_same(
                lambda x, s=factor: pixels_triton.pixel_unshuffle(x, s),
                lambda x, s=factor: torch_unshuffle(x, s),
                [x],
            )
        for x in laid_out(torch_unshuffle(large, factor)):
            assert_same(
                lambda x, s=factor: pixels_triton.pixel_shuffle(x, s),
                lambda x, s=factor: torch_shuffle(x, s),
                [x],
            )


@pytest.mark.parametrize("dtype", [torch.int64, torch.int16, torch.uint8, torch.bool])
@pytest.mark.parametrize("size", SIZES)
def test_integers(dtype, size):
    batches, channels, height, width, factor = size
    small = torch.arange(batches * channels * height * width * factor**2).to(dtype)
    small = small.view(batches, channels * factor**2, height, width)
    large = torch_shuffle(small, factor)
    assert torch.equal(pixels_triton.pixel_shuffle(small, factor), large)
    assert torch.equal(pixels_triton.pixel_unshuffle(large, factor), small)


@pytest.mark.parametrize("empty", range(4))
def test_empty_axes(empty):
    sizes = [2, 3, 4, 6]
    sizes[empty] = 0
    x = torch.randn(sizes, requires_grad=True)
    small = pixels_triton.pixel_unshuffle(x, 2)
    assert small.shape == (sizes[0], sizes[1] * 4, sizes[2] // 2, sizes[3] // 2)
    large = pixels_triton.pixel_shuffle(small, 2)
    assert large.shape == x.shape
    (grad,) = torch.autograd.grad(large.sum(), x)
    assert grad.shape == x.shape


def test_gradients():
    small = torch.randn(1, 4, 1, 1, dtype=torch.float64, requires_grad=True)
    large = torch.randn(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    for function, x in (
        (pixels_triton.pixel_shuffle, small),
        (pixels_triton.pixel_unshuffle, large),
    ):
        assert torch.autograd.gradcheck(lambda x, f=function: f(x, 2), x)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    factor=st.integers(1, 5),
    shape=st.tuples(*[st.integers(0, 5)] * 4),
    layout=st.integers(0, 2),
)
def test_any_shape(factor, shape, layout):
    batches, channels, height, width = shape
    x = torch.randn(batches, channels * factor**2, height, width)
    large = pixels_triton.pixel_shuffle(laid_out(x)[layout], factor)
    assert large.shape == (batches, channels, height * factor, width * factor)
    if x.numel():
        assert torch.equal(large, torch_shuffle(x, factor))
    assert torch.equal(pixels_triton.pixel_unshuffle(laid_out(large)[layout], factor), x)
