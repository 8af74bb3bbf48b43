"""The Triton functions of rows against torch's own, under the interpreter on the CPU.

`test_kernels_triton.py` runs this file in a process where TRITON_INTERPRET=1 was set first.
"""

from __future__ import annotations

import math
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.impls.interpreting import DTYPES, assert_same, laid_out

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("run by test_kernels_triton.py in a process of its own", allow_module_level=True)
pytest.importorskip("triton")

from opbench.impls.kernels import rowwise_triton

# The interpreter computes with numpy, which warns of what a GPU computes in silence.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

INF, NAN = math.inf, math.nan
#: The largest block of columns, and of the bytes of a row that stays in registers.
TILES = {"whole rows": (4096, 65536), "blocks": (4, 0)}


def entropy_loss(logits, labels):
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


def pairs(labels):
    """Each function, and torch's own."""
    return (
        (rowwise_triton.batched_logsumexp, lambda x: x.logsumexp(1)),
        (rowwise_triton.batched_softmax, lambda x: x.softmax(1)),
        (rowwise_triton.batched_logsoftmax, lambda x: x.log_softmax(1)),
        (
            lambda x: rowwise_triton.batched_cross_entropy_loss(x, labels),
            lambda x: entropy_loss(x, labels),
        ),
    )


@pytest.fixture(params=TILES)
def _tiles(request, monkeypatch):
    block, whole = TILES[request.param]
    monkeypatch.setattr(rowwise_triton, "MAX_BLOCK", block)
    monkeypatch.setattr(rowwise_triton, "MAX_WHOLE_BYTES", whole)


@pytest.mark.usefixtures("_tiles")
@pytest.mark.parametrize("dtype", DTYPES)
def test_against_torch(dtype):
    torch.manual_seed(0)
    for rows, width in ((3, 11), (2, 1)):
        labels = torch.randint(width, (rows,))
        for matrix in laid_out(3 * torch.randn(rows, width).to(dtype)):
            for function, reference in pairs(labels):
                assert_same(function, reference, [matrix])


def test_many_short_rows():
    matrix = torch.randn(700, 3)
    for function, reference in pairs(torch.randint(3, (700,))):
        assert_same(function, reference, [matrix])


@pytest.mark.usefixtures("_tiles")
def test_large_values_overflow_nowhere():
    matrix = torch.tensor([[1000.0, 999.0, -1000.0, 1000.0, 0.0], [-1000.0, -1001.0, -1e9, 0, 0]])
    for function, reference in pairs(torch.tensor([0, 2])):
        assert_same(function, reference, [matrix])


SPECIAL = {
    "all lost": [-INF] * 6,
    "lost at first": [-INF, -INF, -INF, -INF, 1.0, 2.0],
    "lost at last": [3.0, 1.0, -INF, -INF, -INF, -INF],
    "infinite": [1.0, INF, 0.0, -INF, INF, 2.0],
    "NaN at first": [NAN, 1.0, 2.0, -INF, 0.0, 0.0],
    "NaN at last": [1.0, 2.0, 0.0, 0.0, 3.0, NAN],
    "NaN among the lost": [-INF, -INF, NAN, -INF, -INF, -INF],
    "plain": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
}


@pytest.mark.usefixtures("_tiles")
def test_special_values_stay_in_their_row():
    matrix = torch.tensor(list(SPECIAL.values()))
    graded = [name != "all lost" for name in SPECIAL]
    for function, reference in pairs(torch.zeros(len(matrix), dtype=torch.int64))[:3]:
        assert_same(function, reference, [matrix[graded]], equal_nan=True)
    lost = matrix[:1].requires_grad_()
    assert rowwise_triton.batched_softmax(lost).isnan().all()
    assert rowwise_triton.batched_logsoftmax(lost).isnan().all()
    found = rowwise_triton.batched_logsumexp(lost)
    assert found.item() == -INF
    assert torch.autograd.grad(found, lost)[0].tolist() == [[0.0] * 6]


@pytest.mark.usefixtures("_tiles")
def test_impossible_labels():
    rows = {
        0.0: ([-INF, -INF, 3.0, -INF, -INF], 2),
        INF: ([1.0, -INF, 3.0, 0.0, 0.0], 1),
        math.log(2): ([7.0, -INF, -INF, -INF, 7.0], 4),
    }
    logits = torch.tensor([row for row, _ in rows.values()] + [[-INF] * 5, [NAN, -INF, 0, 0, 0]])
    labels = torch.tensor([label for _, label in rows.values()] + [0, 1])
    found = rowwise_triton.batched_cross_entropy_loss(logits, labels)
    expected = torch.tensor([*rows, INF, NAN])
    torch.testing.assert_close(found, expected, equal_nan=True)
    assert_same(*pairs(labels[[0, 2]])[3], [logits[[0, 2]]])


def test_empty_sizes():
    nothing, no_rows = torch.empty(3, 0, requires_grad=True), torch.empty(0, 4, requires_grad=True)
    assert rowwise_triton.batched_logsumexp(nothing).tolist() == [-INF] * 3
    for function, _ in pairs(torch.empty(0, dtype=torch.int64)):
        assert len(function(no_rows)) == 0
        assert torch.autograd.grad(function(no_rows).sum(), no_rows)[0].shape == (0, 4)
    for function, _ in pairs(None)[1:3]:
        assert function(nothing).shape == (3, 0)
    for function, _ in pairs(None)[:3]:
        assert torch.autograd.grad(function(nothing).sum(), nothing)[0].shape == (3, 0)


@pytest.mark.parametrize("integer", [torch.int32, torch.int64, torch.uint8])
def test_integer_types_of_labels(integer):
    logits, labels = torch.randn(3, 5), torch.tensor([4, 9, 0, 9, 2, 9])
    found = rowwise_triton.batched_cross_entropy_loss(logits, labels.to(integer)[::2])
    torch.testing.assert_close(found, entropy_loss(logits, labels[::2]))


def test_gradients():
    matrix = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    for function, _ in pairs(torch.tensor([2, 0])):
        assert torch.autograd.gradcheck(function, matrix)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_rows(data):
    rows, width = data.draw(st.integers(0, 5)), data.draw(st.integers(1, 20))
    values = st.floats(-1e4, 1e4) | st.just(-INF)
    drawn = [data.draw(st.lists(values, min_size=width, max_size=width)) for _ in range(rows)]
    matrix = torch.tensor(drawn, dtype=torch.float64).view(rows, width)
    labels = data.draw(st.lists(st.integers(0, width - 1), min_size=rows, max_size=rows))
    for function, reference in pairs(torch.tensor(labels, dtype=torch.int64))[:3]:
        found = function(matrix)
        torch.testing.assert_close(found, reference(matrix), rtol=1e-12, atol=1e-11, equal_nan=True)
