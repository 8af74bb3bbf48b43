"""Contenders that are wrong in some layout, and unusual ones that are right in all."""

import torch

from opbench import impl, supported


@impl("batched_softmax", name="wrong_takes_packed_rows")
def takes_packed_rows(matrix):
    """It looks at the step within a row, and takes the step from row to row for granted."""
    rows, columns = matrix.shape
    if columns > 1 and matrix.stride(1) != 1:
        matrix = matrix.contiguous()
    return matrix.as_strided((rows, columns), (columns, 1)).softmax(1)


@impl("batched_softmax", name="wrong_forgets_offset")
def forgets_offset(matrix):
    if not matrix.is_contiguous():
        return matrix.softmax(1)
    return matrix.as_strided(matrix.shape, matrix.stride(), 0).softmax(1)


@impl("batched_softmax", name="wrong_writes_past_its_rows")
def writes_past_its_rows(matrix):
    """Clears up to the next multiple of four, where that is within the storage."""
    rows, columns = matrix.shape
    spare = -columns % 4
    end = matrix.storage_offset() + (rows - 1) * matrix.stride(0) + columns + spare if rows else 0
    if spare and matrix.stride(1) == 1 < rows and matrix.stride(0) >= columns + spare:
        if end <= matrix.untyped_storage().nbytes() // matrix.element_size():
            place = matrix.storage_offset() + columns
            matrix.detach().as_strided((rows, spare), (matrix.stride(0), 1), place).zero_()
    return matrix.softmax(1)


@impl("collect_rows", name="wrong_packed_indexes")
def packed_indexes(matrix, indexes):
    return matrix[indexes.as_strided(indexes.shape, (1,))] if len(indexes) else matrix[indexes]


@impl("collect_rows", name="wrong_places_in_32_bits")
def places_in_32_bits(matrix, indexes):
    place = indexes.int() * int(matrix.stride(0) % 2**32 - (matrix.stride(0) % 2**32 >> 31 << 32))
    end = matrix.storage_offset() + (len(matrix) - 1) * matrix.stride(0) + 1
    if matrix.requires_grad or matrix.numel() == 0 or not len(indexes):
        return matrix[indexes]
    columns = [matrix[:, column] for column in range(matrix.shape[1])]
    flat = [c.as_strided((end,), (1,), c.storage_offset()) for c in columns]
    return torch.stack([f[place.long()] for f in flat], 1)


packed = supported("takes contiguous rows")(lambda matrix: matrix.is_contiguous())


@impl("batched_softmax", name="right_if_packed", supports=packed)
def right_if_packed(matrix):
    return takes_packed_rows(matrix)


@impl("batched_softmax", name="right_in_place_of_a_copy")
def right_in_place_of_a_copy(matrix):
    """Works in the memory of a copy that keeps the layout."""
    copy = torch.empty_strided(matrix.shape, matrix.contiguous().stride(), dtype=matrix.dtype)
    return copy.copy_(matrix).softmax(1)


@impl("collect_rows", name="right_through_a_flat_index")
def right_through_a_flat_index(matrix, indexes):
    rows, columns = matrix.shape
    if not rows:
        return matrix[indexes]
    places = indexes[:, None] * columns + torch.arange(columns)
    return matrix.reshape(-1)[places]
