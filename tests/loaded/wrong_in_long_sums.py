"""Contenders that add up in half precision, and unusual ones that don't."""

import torch

from opbench import impl


def by_steps(terms, axis):
    """A running sum in the type of the terms."""
    total = torch.zeros_like(terms.select(axis, 0)) if terms.shape[axis] else terms.sum(axis)
    for term in terms.unbind(axis):
        total = total + term
    return total


@impl("moe_combine", name="wrong_running_sum")
def running_sum(y, weights):
    return by_steps(y * weights[..., None], 1)


@impl("batched_dot_product_nd", name="wrong_running_dot")
def running_dot(a, b):
    return by_steps((a * b).flatten(1), 1)


class _Table(torch.autograd.Function):
    """Rows by their indexes, whose gradients are added one after the other."""

    @staticmethod
    def forward(ctx, matrix, indexes):
        ctx.save_for_backward(indexes)
        ctx.rows = len(matrix)
        return matrix[indexes]

    @staticmethod
    def backward(ctx, gradient):
        (indexes,) = ctx.saved_tensors
        total = gradient.new_zeros(ctx.rows, gradient.shape[1])
        for index, row in zip(indexes.tolist(), gradient, strict=True):
            total[index] += row
        return total, None


@impl("collect_rows", name="wrong_gradients_row_by_row")
def gradients_row_by_row(matrix, indexes):
    return _Table.apply(matrix, indexes) if matrix.is_floating_point() else matrix[indexes]


@impl("expert_forward", name="wrong_products_by_steps")
def products_by_steps(x, w):
    return by_steps(x[..., None] * w[:, None], 2)


@impl("moe_combine", name="right_in_halves")
def in_halves(y, weights):
    """Pairs of terms are added until one is left, in float32 at least."""
    terms = y.to(torch.promote_types(y.dtype, torch.float32)) * weights[..., None]
    while terms.shape[1] > 1:
        middle = terms.shape[1] // 2
        odd = terms[:, 2 * middle :]
        terms = torch.cat([terms[:, :middle] + terms[:, middle : 2 * middle], odd], 1)
    return (terms.squeeze(1) if terms.shape[1] else terms.sum(1)).to(y.dtype)


@impl("collect_rows", name="right_by_counting")
def by_counting(matrix, indexes):
    """Through a wide copy, whose gradients are added."""
    wide = matrix.double() if matrix.is_floating_point() else matrix
    return wide[indexes].to(matrix.dtype)
