"""The C++ reductions against torch in float64: long rows, every type, what crosses chunks."""

import math
import shutil

import pytest
import torch

from opbench.impls.kernels import cpp_build, reductions_cpp

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
NAN, INF = math.nan, math.inf
CHUNK = 2048  # values that are summed at a time

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, cpp_build.COMPILERS)), reason="needs a C++ compiler"
)


def loss(logits, labels):
    return logits.logsumexp(1) - logits.gather(1, labels[:, None])[:, 0]


ROWWISE = {
    "logsumexp": (reductions_cpp.batched_logsumexp, lambda m: m.logsumexp(1)),
    "softmax": (reductions_cpp.batched_softmax, lambda m: m.softmax(1)),
    "logsoftmax": (reductions_cpp.batched_logsoftmax, lambda m: m.log_softmax(1)),
}


def assert_near(found, expected, dtype, *, scale=1.0):
    assert found.dtype == dtype
    assert found.is_contiguous()
    step = torch.finfo(dtype).eps
    torch.testing.assert_close(
        found.double(), expected, rtol=2 * step, atol=4 * scale * step, equal_nan=True
    )


def powers(values):
    """exp of each value, as the kernels take it."""
    ops = reductions_cpp.load_ops(reductions_cpp.SOURCE)
    return ops.logsumexp_backward(values.new_ones(1), values[None], values.new_zeros(1, 2))[0]


@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, -87.33), (torch.float64, -708.39)])
def test_exponentials_are_right_to_the_last_place(dtype, least):
    values = torch.cat([torch.linspace(least, 0.5, 100_003), torch.linspace(-1e-3, 1e-3, 999)])
    values = values.to(dtype)
    found = powers(values)
    # torch's own in float64 is as good as it gets; float32 has it to compare with.
    truth = values.double().exp()
    limit = 1.1 if dtype == torch.float32 else 2.0
    place = torch.nextafter(found, torch.full_like(found, INF)) - found
    assert ((found.double() - truth).abs() / place.double()).max() <= limit


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exponentials_of_special_values(dtype):
    odd = torch.tensor([-INF, -1e30, -750, -0.0, 0.0, NAN, -NAN], dtype=dtype).repeat(37)
    found = powers(odd).view(37, 7)
    expected = torch.tensor([0, 0, 0, 1, 1, NAN, NAN], dtype=dtype).expand(37, 7)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    bits = torch.tensor([0x7F800001, 0x7FFFFFFF, -1], dtype=torch.int32).view(torch.float32)
    assert powers(bits).isnan().all()


@pytest.mark.parametrize("name", ROWWISE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 63, 64, 65, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 77])
def test_rows_of_any_length(name, dtype, size):
    torch.manual_seed(0)
    run, plain = ROWWISE[name]
    rising = torch.linspace(-30, 30, size)
    matrix = torch.stack([3 * torch.randn(size), rising, rising.flip(0), rising + 900]).to(dtype)
    exact = matrix.double().requires_grad_()
    leaf = matrix.clone().requires_grad_()
    found, expected = run(leaf), plain(exact)
    assert_near(found.detach(), expected.detach(), dtype, scale=size**0.5 if size > 1 else 1)
    weight = torch.randn(found.shape).to(dtype)
    (grad,) = torch.autograd.grad(found, leaf, weight)
    (truth,) = torch.autograd.grad(expected, exact, weight.double())
    assert_near(grad, truth, dtype, scale=size**0.5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_of_long_rows(dtype):
    torch.manual_seed(0)
    logits = (5 * torch.randn(9, 5003)).to(dtype)
    labels = torch.randint(5003, (9,))
    exact, leaf = logits.double().requires_grad_(), logits.clone().requires_grad_()
    found, expected = reductions_cpp.batched_cross_entropy_loss(leaf, labels), loss(exact, labels)
    assert_near(found.detach(), expected.detach(), dtype, scale=8)
    (grad,) = torch.autograd.grad(found.sum(), leaf)
    (truth,) = torch.autograd.grad(expected.sum(), exact)
    assert_near(grad, truth, dtype)


@pytest.mark.parametrize("at", [0, 5, CHUNK, 2 * CHUNK + 3])
@pytest.mark.parametrize("bad", [NAN, INF])
def test_non_finite_values_in_any_chunk(at, bad):
    matrix = torch.zeros(3, 2 * CHUNK + 9)
    matrix[1, at] = bad
    sums = reductions_cpp.batched_logsumexp(matrix)
    plain = math.log(2 * CHUNK + 9)
    torch.testing.assert_close(sums, torch.tensor([plain, bad, plain]), equal_nan=True)
    matrix[1, 2 * CHUNK + 8] = NAN  # stronger than an infinity
    assert reductions_cpp.batched_logsumexp(matrix)[1].isnan()
    shares = reductions_cpp.batched_softmax(matrix)
    assert shares[1].isnan().all()
    assert not shares[::2].isnan().any()


def test_chunks_of_nothing_but_minus_infinity():
    matrix = torch.full((2, 3 * CHUNK), -INF)
    matrix[0, CHUNK + 7] = 2.5
    assert reductions_cpp.batched_logsumexp(matrix).tolist() == [2.5, -INF]
    shares = reductions_cpp.batched_softmax(matrix)
    assert shares[0, CHUNK + 7] == 1
    assert shares[0].sum() == 1
    assert shares[1].isnan().all()
    found = reductions_cpp.batched_logsoftmax(matrix)
    assert found[0, CHUNK + 7] == 0
    assert (found[0] == -INF).sum() == 3 * CHUNK - 1
    assert found[1].isnan().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_summed_in_float32(dtype):
    ones = torch.ones(1, 70_000, dtype=dtype)
    assert_near(
        reductions_cpp.batched_logsumexp(ones),
        torch.tensor([1 + math.log(70_000)], dtype=torch.float64),
        dtype,
    )
    big = torch.full((1, 4), 300.0, dtype=dtype)
    signs = torch.tensor([1, -1, 1, -1], dtype=dtype)
    assert reductions_cpp.batched_dot_product_nd(big, big * signs).item() == 0
    assert reductions_cpp.batched_dot_product_nd(ones, ones / 100).item() == pytest.approx(
        700, rel=8e-3
    )


@pytest.mark.parametrize("shape", [(3, 800_011), (70, 40_009), (2_400_000, 1)])
def test_results_that_go_past_the_caches(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape, requires_grad=True)
    for run, plain in ROWWISE.values():
        found, expected = run(matrix), plain(matrix)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        weight = torch.randn(found.shape)
        grads = [torch.autograd.grad(out, matrix, weight)[0] for out in (found, expected)]
        torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5)
    other = torch.randn(shape, requires_grad=True)
    dots = reductions_cpp.batched_dot_product_nd(matrix, other)
    a, b = torch.autograd.grad(dots.sum(), (matrix, other))
    assert torch.equal(a, other)
    assert torch.equal(b, matrix)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8])
def test_integers_wrap_as_torch_has_them(dtype):
    ends = torch.iinfo(dtype)
    a = torch.randint(ends.min, ends.max, (5, 333), dtype=dtype)
    b = torch.randint(ends.min, ends.max, (5, 333), dtype=dtype)
    found = reductions_cpp.batched_dot_product_nd(a, b)
    assert torch.equal(found, (a * b).sum(1, dtype=dtype))


def test_strided_inputs_and_gradients():
    torch.manual_seed(0)
    plain = torch.randn(6, 10, dtype=torch.float64)
    labels = torch.randint(10, (12,))[::2]
    for matrix in (plain.t().contiguous().t(), torch.cat([plain, plain], 1)[:, :10]):
        for run, expected in ROWWISE.values():
            assert torch.equal(run(matrix), run(plain))
            leaf = matrix.clone().requires_grad_()
            out = run(leaf)
            weight = torch.randn(out.shape, dtype=torch.float64)
            spread = torch.stack([weight, weight], -1)[..., 0]
            one, other = (
                torch.autograd.grad(out, leaf, w, retain_graph=True)[0] for w in (weight, spread)
            )
            assert torch.equal(one, other)
            torch.testing.assert_close(out, expected(plain))
        found = reductions_cpp.batched_cross_entropy_loss(matrix, labels)
        torch.testing.assert_close(found, loss(plain, labels))


def op_calls(dtype=torch.float64, requires_grad=True):
    """Every op, the backward ones too, with small arguments."""
    ops = reductions_cpp.load_ops(reductions_cpp.SOURCE)
    torch.manual_seed(0)

    def rows(*shape, grad=requires_grad):
        return torch.randn(*shape, dtype=dtype, requires_grad=grad)

    labels = torch.tensor([4, 0, 2])
    levels = torch.rand(3, 2, dtype=dtype)
    flat, full = rows(3, grad=False), rows(3, 5, grad=False)
    return {
        "batch_dot": (ops.batch_dot, (rows(3, 2, 2), rows(3, 2, 2))),
        "logsumexp": (ops.logsumexp, (rows(3, 5),)),
        "softmax": (ops.softmax, (rows(3, 5),)),
        "logsoftmax": (ops.logsoftmax, (rows(3, 5),)),
        "cross_entropy": (ops.cross_entropy, (rows(3, 5), labels)),
        "batch_dot_backward": (ops.batch_dot_backward, (flat, full, full)),
        "logsumexp_backward": (ops.logsumexp_backward, (flat, full, levels)),
        "softmax_backward": (ops.softmax_backward, (full, full.softmax(1))),
        "logsoftmax_backward": (ops.logsoftmax_backward, (full, full, levels)),
        "cross_entropy_backward": (ops.cross_entropy_backward, (flat, full, labels, levels)),
    }


FORWARD = ("batch_dot", "logsumexp", "softmax", "logsoftmax", "cross_entropy")


@pytest.mark.parametrize("name", [*FORWARD, *(f"{name}_backward" for name in FORWARD)])
def test_opcheck(name):
    op, arguments = op_calls(torch.float32)[name]
    torch.library.opcheck(op, arguments)


def test_values_out_of_range_are_refused():
    matrix, labels = torch.zeros(2, 3), torch.tensor([0, 3])
    for wrong in (labels, -labels):
        with pytest.raises(RuntimeError, match=r"must be one of 0\.\.2"):
            reductions_cpp.batched_cross_entropy_loss(matrix, wrong)
    with pytest.raises(RuntimeError, match="differ in rows"):
        reductions_cpp.batched_cross_entropy_loss(matrix, labels[:1])
    with pytest.raises(RuntimeError, match="differ in axis 1"):
        reductions_cpp.batched_dot_product_nd(matrix, torch.zeros(2, 4))
    with pytest.raises(RuntimeError, match="one type and number of axes"):
        reductions_cpp.batched_dot_product_nd(matrix, matrix.double())
    for run, _ in ROWWISE.values():
        with pytest.raises(RuntimeError, match="only float16"):
            run(matrix.long())
        with pytest.raises(RuntimeError, match="must have 2 axes"):
            run(matrix[0])
