"""Tensors in other memory: the same values, and garbage around them."""

import pytest
import torch

from opbench.harness.declare import LAYOUTS, SAME_VALUES
from opbench.harness.preparation.layouts import FAR_APART, far_apart, laid_out, repeated
from opbench.results.errors import UnsupportedError

TENSORS = {
    "floats": torch.arange(12.0).view(3, 4),
    "halves": torch.arange(12.0).view(3, 4).half(),
    "indexes": torch.arange(5),
    "marks": torch.ones(2, 3, 4, dtype=torch.bool),
    "number": torch.tensor(3.0),
    "empty": torch.ones(3, 0),
}


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("layout", SAME_VALUES)
def test_the_same_values_lie_in_other_memory(name, layout):
    tensor = TENSORS[name]
    laid = laid_out(tensor, layout)
    assert torch.equal(laid, tensor)
    assert laid.dtype == tensor.dtype
    assert laid.data_ptr() != tensor.data_ptr() or tensor.numel() == 0


def test_layouts_are_all_known():
    assert LAYOUTS == (*SAME_VALUES, "expanded", "far")


def test_padded_rows_are_parts_of_wider_ones():
    laid = laid_out(TENSORS["floats"], "padded")
    assert laid.stride() == (20, 1)
    whole = laid.as_strided((3, 20), (20, 1), 0)
    assert whole[:, :3].isnan().all()
    assert whole[:, 7:].isnan().all()


def test_offset_tensors_are_packed_and_not_aligned():
    for name in ("floats", "halves", "number"):
        laid = laid_out(TENSORS[name], "offset")
        assert laid.is_contiguous()
        assert laid.data_ptr() % 16
        assert laid.as_strided((3,), (1,), 0).isnan().all()


def test_elements_are_repeated_along_the_first_axis_that_allows_it():
    matrix, indexes = TENSORS["floats"], TENSORS["indexes"]
    found = repeated([matrix, indexes], lambda tensors: tensors[0].stride(0) != 0)
    assert [tensor.stride() for tensor in found] == [(4, 0), (0,)]
    assert found[0].tolist() == [[0.0] * 4, [4.0] * 4, [8.0] * 4]


def test_what_must_not_repeat_is_refused():
    with pytest.raises(UnsupportedError, match="expanded: no argument has an axis"):
        repeated([TENSORS["floats"]], lambda tensors: False)


def test_far_rows_are_beyond_what_32_bits_count():
    (laid, short) = far_apart([TENSORS["floats"], TENSORS["indexes"]])
    assert torch.equal(laid, TENSORS["floats"])
    assert laid.stride() == (FAR_APART, 1)
    assert FAR_APART > torch.iinfo(torch.int32).max
    assert short.is_contiguous()
    with pytest.raises(UnsupportedError, match="far: no argument has two axes"):
        far_apart([TENSORS["indexes"]])
