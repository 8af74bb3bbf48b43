"""How errors are described."""

import pytest

from opbench.harness.correctness.tolerance import distinct_texts


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
