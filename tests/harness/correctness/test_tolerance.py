"""How errors are found and described."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from opbench.harness.correctness.tolerance import (
    Truth,
    distinct_texts,
    error_of,
    largest_error,
    scaled_errors,
)

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.int64)
#: Ordinary numbers, and those at which comparing them is special; 1e39 overflows in float32.
NUMBERS = st.sampled_from((0.0, 1.0, 1.0001, -2.5, 1e39, math.inf, -math.inf, math.nan))


@pytest.mark.parametrize(
    ("one", "other", "texts"),
    [
        (3.34768, 0.08, ("3.34768", "0.08")),
        (0.5700941, 0.5700943, ("0.5700941", "0.5700943")),
        (2**60 + 1, 2**60, (str(2**60 + 1), str(2**60))),
        (float("nan"), 1.0, ("nan", "1")),
        (1.0, 1.0, ("1", "1")),
    ],
)
def test_numbers_have_digits_until_they_differ(one, other, texts):
    assert distinct_texts(one, other) == texts


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4), st.sampled_from(DTYPES))
def test_the_largest_error_is_found_at_once_and_changes_nothing(pairs, dtype):
    pairs = torch.tensor(pairs, dtype=torch.float64).view(-1, 2)
    if dtype == torch.int64:
        pairs = pairs.nan_to_num(posinf=1e9, neginf=-1e9).clamp(-1e9, 1e9).to(dtype)
    truth = Truth(pairs[:, 0].contiguous(), pairs[:, 0].abs().nan_to_num(posinf=0.0))
    actual = pairs[:, 1].to(dtype).contiguous()
    before = actual.clone()
    found = error_of(actual, truth, 1e-3)
    assert torch.equal(actual.nan_to_num(), before.nan_to_num())
    due = largest_error(scaled_errors(actual, truth, 1e-3))
    assert found == due or (math.isnan(found) and math.isnan(due))


@pytest.mark.parametrize(
    ("actual", "exact", "error"),
    [
        (1.0, 1.0, 0.0),
        (1.002, 1.0, 2.0),
        (math.nan, math.nan, 0.0),
        (math.nan, 1.0, math.inf),
        (math.inf, 1e39, 0.0),  # which float32 doesn't hold
        (math.inf, -1e39, math.inf),
        (3e38, 1e39, math.inf),
    ],
)
def test_what_is_not_finite_has_to_be_the_same(actual, exact, error):
    truth = Truth(torch.tensor([exact, 2.0]).double(), torch.tensor([1.0, 2.0]).double())
    truth.value[0] = exact
    assert error_of(torch.tensor([actual, 2.0]), truth, 1e-3) == pytest.approx(error, rel=1e-4)
