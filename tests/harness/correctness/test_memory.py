"""Copies keep what lies around a tensor, and comparing them finds what was written there."""

import pytest
import torch

from opbench.harness.correctness.memory import clone, refill, same_surroundings
from opbench.harness.declare import SAME_VALUES
from opbench.harness.preparation.layouts import far_apart, laid_out

MATRIX = torch.arange(12.0).view(3, 4)


@pytest.mark.parametrize("layout", SAME_VALUES)
def test_clones_lie_as_the_original_in_a_storage_of_their_own(layout):
    laid = laid_out(MATRIX, layout)
    copy = clone(laid)
    assert (copy.stride(), copy.storage_offset()) == (laid.stride(), laid.storage_offset())
    assert torch.equal(copy, MATRIX)
    assert copy.data_ptr() != laid.data_ptr()
    assert same_surroundings(copy, laid)


@pytest.mark.parametrize("layout", ["sliced", "padded", "offset"])
def test_what_is_written_beside_a_tensor_is_found(layout):
    laid = laid_out(MATRIX, layout)
    before = clone(laid)
    laid.as_strided((1,), (1,), laid.storage_offset() - 1).zero_()
    assert torch.equal(laid, before)
    assert not same_surroundings(laid, before)


def test_clones_of_repeated_elements_repeat_them():
    copy = clone(MATRIX[:1].expand(3, 4))
    assert copy.stride() == (0, 1)
    refill(copy, (MATRIX[:1] + 1).expand(3, 4))
    assert copy.tolist() == [[1.0, 2.0, 3.0, 4.0]] * 3


def test_clones_of_far_rows_are_far_apart():
    (laid,) = far_apart([MATRIX])
    copy = clone(laid)
    assert copy.stride() == laid.stride()
    assert torch.equal(copy, MATRIX)
    assert same_surroundings(copy, laid)
