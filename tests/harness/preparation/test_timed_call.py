"""What one timed call does."""

import pytest
import torch

from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.timed_call import bind


def bound(function, direction, *, args=None):
    matrix = torch.arange(6.0).view(2, 3)
    given = Inputs(("matrix",), (matrix if args is None else args,), {})
    upstream = (torch.ones_like(function(given.args[0])),)
    timed = bind(function, given, direction=direction, grad=("matrix",), upstream=upstream)
    return timed.call


def test_forward_call_returns_the_result_of_the_function():
    call = bound(lambda matrix: matrix.sum(1), "forward")
    assert call().tolist() == [3, 12]


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_gradients_are_returned_and_not_accumulated(direction):
    call = bound(lambda matrix: (matrix**2).sum(1), direction)
    for _ in range(2):
        (gradient,) = call()
        assert gradient.tolist() == [[0, 2, 4], [6, 8, 10]]


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_expanded_gradients_are_written_out(direction):
    # The gradient of a sum is its own, expanded: no memory was touched.
    (raw,) = torch.autograd.grad(
        (x := torch.ones(2, 3, requires_grad=True)).sum(1), x, torch.ones(2)
    )
    assert 0 in raw.stride()
    (gradient,) = bound(lambda matrix: matrix.sum(1), direction)()
    assert gradient.is_contiguous()
    assert gradient.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_unused_argument_has_no_gradient():
    call = bound(lambda matrix: torch.ones(2, requires_grad=True) * 1, "both")
    assert call() == (None,)


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_an_output_without_a_gradient_is_left_out(direction):
    matrix = torch.arange(6.0).view(2, 3)
    given = Inputs(("matrix",), (matrix,), {})
    upstream = (torch.zeros(2, dtype=torch.long), torch.ones(2))

    def largest(matrix):
        values, places = matrix.max(1)
        return places, values

    call = bind(largest, given, direction=direction, grad=("matrix",), upstream=upstream).call
    (gradient,) = call()
    assert gradient.tolist() == [[0, 0, 1], [0, 0, 1]]
