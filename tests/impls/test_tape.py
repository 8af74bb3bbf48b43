"""The hand-made tape against autograd: a net trained with it, and what a walk leaves behind."""

import gc
import weakref

import pytest
import torch
from torch.nn import functional

from opbench.impls import tape


def draw(seed, *shapes):
    """Leaves in float64, one of each shape."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(*s, generator=rng, dtype=torch.float64).requires_grad_() for s in shapes]


def net(x, w, b, v, c, target, *, ctx, loss=tape.cross_entropy):
    """Two layers: a convolution, and a product with what is left after pooling."""
    hidden = tape.relu(tape.conv2d(x, w, b, stride=2, padding=1, ctx=ctx), ctx=ctx)
    pooled = tape.max_pool2d(hidden, 2, stride=2, padding=1, ctx=ctx)
    scores = tape.linear(tape.flatten(pooled, ctx=ctx), v, c, ctx=ctx)
    return loss(scores, target, ctx=ctx)


def same_net(x, w, b, v, c, target, *, loss=functional.cross_entropy):
    """The same for autograd."""
    hidden = functional.conv2d(x, w, b, stride=2, padding=1).relu()
    pooled = functional.max_pool2d(hidden, 2, stride=2, padding=1)
    return loss(functional.linear(pooled.flatten(1), v, c), target)


def detached(tensors):
    return [None if tensor is None else tensor.detach().clone() for tensor in tensors]


SHAPES = ((5, 2, 7, 9), (4, 2, 3, 3), (4,), (3, 36), (3,))


@pytest.mark.parametrize("biased", [True, False])
def test_a_net_trained_by_the_tape_follows_autograd(biased):
    x, w, b, v, c = draw(0, *SHAPES)
    labels = torch.tensor([0, 2, 1, 1, 0])
    theirs = [x, w, b if biased else None, v * 0.3, c if biased else None]
    ours, losses = detached(theirs), []
    for _ in range(6):
        ctx = []
        leaves = [t if t is None else t.detach().requires_grad_() for t in theirs]
        expected = same_net(*leaves, labels)
        expected.backward()
        with torch.no_grad():
            found = net(*ours, labels, ctx=ctx)
            tape.run_backward(ctx)
        torch.testing.assert_close(found, expected.detach())
        losses.append(found.item())
        for place, (mine, leaf) in enumerate(zip(ours, leaves, strict=True)):
            if mine is not None:
                torch.testing.assert_close(mine.grad, leaf.grad)
                ours[place] = mine - 0.2 * mine.grad
                theirs[place] = leaf.detach() - 0.2 * leaf.grad
    assert losses[-1] < losses[0] / 2


def test_a_mean_of_squares():
    leaves = draw(1, *SHAPES)
    (target,) = draw(2, (5, 3))
    same_net(*leaves, target.detach(), loss=functional.mse_loss).backward()
    ours, ctx = detached(leaves), []
    net(*ours, target.detach(), ctx=ctx, loss=tape.mean_squared_error)
    tape.run_backward(ctx)
    for mine, leaf in zip(ours, leaves, strict=True):
        torch.testing.assert_close(mine.grad, leaf.grad)


def test_a_second_walk_adds_the_same_again():
    ours, ctx = detached(draw(3, *SHAPES)), []
    net(*ours, torch.arange(5) % 3, ctx=ctx)
    tape.run_backward(ctx)
    once = [tensor.grad.clone() for tensor in ours]
    tape.run_backward(ctx)
    for tensor, grad in zip(ours, once, strict=True):
        torch.testing.assert_close(tensor.grad, 2 * grad)
    assert all(step.result.grad is None for step in ctx)


def test_one_step_twice_adds_twice():
    x, w = detached(draw(4, (1, 1, 3, 3), (1, 1, 2, 2)))
    ctx = []
    y = tape.conv2d(x, w, ctx=ctx)
    for _ in range(2):
        tape.run_backward(ctx, torch.ones_like(y))
    torch.testing.assert_close(w.grad, 2 * functional.conv2d(x, torch.ones_like(y)))


def test_a_missing_bias_is_skipped():
    x, w = detached(draw(5, (2, 1, 4, 4), (3, 1, 2, 2)))
    ctx = []
    y = tape.conv2d(x, w, None, ctx=ctx)
    tape.run_backward(ctx, torch.ones_like(y))
    assert x.grad is not None
    assert w.grad is not None
    tape.accumulate(None, y)


def test_tensor_used_twice_gets_both_gradients():
    (x,) = draw(6, (2, 3))
    zero = torch.zeros(2, 2, dtype=torch.float64)
    functional.mse_loss(x.relu() @ x.relu().mT, zero).backward()
    (mine,), ctx = detached([x]), []
    positive = tape.relu(mine, ctx=ctx)
    tape.mean_squared_error(tape.linear(positive, positive, ctx=ctx), zero, ctx=ctx)
    tape.run_backward(ctx)
    torch.testing.assert_close(mine.grad, x.grad)


def test_step_with_an_unused_result_gives_nothing():
    x, w = detached(draw(7, (1, 1, 3, 3), (1, 1, 2, 2)))
    ctx = []
    tape.conv2d(x, w, ctx=ctx)
    tape.relu(x, ctx=ctx)
    tape.run_backward(ctx)
    assert w.grad is None
    assert torch.equal(x.grad, (x > 0).double())


def test_without_a_list_nothing_is_kept_and_nothing_walked():
    (x,) = detached(draw(8, (2, 3)))
    tape.relu(x)
    tape.run_backward([])
    assert x.grad is None


# --- as nodes of torch's graph ---------------------------------------------------------------


def test_autograd_takes_gradients_from_the_walk():
    x, w, b = draw(9, *SHAPES[:3])
    options = {"stride": 2, "padding": 1}
    y = tape.differentiable_conv2d(x, w, b, **options)
    grad = torch.randn_like(y)
    expected = torch.autograd.grad(functional.conv2d(x, w, b, **options), (x, w, b), grad)
    for _ in range(2):  # the walk of an earlier pass doesn't add to the later one's
        found = torch.autograd.grad(y, (x, w, b), grad, retain_graph=True)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)
    assert x.grad is None
    first = torch.autograd.grad(y, x, grad.requires_grad_(), create_graph=True)[0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_a_result_frees_its_tape():
    (x,) = draw(10, (1, 1, 4, 4))
    gc.disable()
    try:
        y = tape.differentiable_max_pool2d(x, 2)
        gone = weakref.ref(y)
        places = weakref.ref(y.grad_fn.steps[0].arguments[1])
        del y
        assert gone() is None
        assert places() is None
    finally:
        gc.enable()
