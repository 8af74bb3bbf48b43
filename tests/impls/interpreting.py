"""What the tests that run Triton functions under the interpreter share."""

import torch

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 1e-5,
    torch.float16: 2e-3,
    torch.bfloat16: 2e-2,
}


def laid_out(tensor):
    """The same values three times: contiguous, with axes that were swapped, and cut out."""
    swapped = tensor.transpose(0, -1).contiguous().transpose(0, -1)
    shape = [2 * size + 1 for size in tensor.shape]
    cut = torch.full(shape, 7, dtype=tensor.dtype)[tuple(slice(1, None, 2) for _ in shape)]
    return tensor.contiguous(), swapped, cut.copy_(tensor)


def assert_same(function, reference, leaves, *, equal_nan=False):
    """Equal results, and equal gradients for an arbitrary weight, within the dtype's tolerance."""
    dtype = leaves[0].dtype
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    before = [leaf.detach().clone() for leaf in leaves]
    wide = [leaf.detach().double().requires_grad_() for leaf in leaves]
    found, expected = function(*leaves), reference(*wide)
    tolerance = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype], "equal_nan": equal_nan}
    assert found.dtype == dtype
    assert found.is_contiguous()
    torch.testing.assert_close(found.double(), expected.to(dtype).double(), **tolerance)
    weight = torch.randn(found.shape).to(dtype)
    grads = torch.autograd.grad(found, leaves, weight)
    wants = torch.autograd.grad(expected, wide, weight.double())
    for leaf, grad, want in zip(leaves, grads, wants, strict=True):
        assert grad.dtype == dtype
        assert grad.shape == leaf.shape
        torch.testing.assert_close(grad.double(), want, **tolerance)
    for leaf, copy in zip(leaves, before, strict=True):
        torch.testing.assert_close(leaf.detach(), copy, rtol=0, atol=0, equal_nan=True)
