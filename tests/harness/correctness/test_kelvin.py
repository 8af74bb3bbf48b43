"""A mean that is large against the deviation."""

from tests.harness.verdicts import Exam

EXAM = Exam("wrong_in_kelvin.py")
FLOAT32 = {"dtypes": ("float32",)}


def test_a_difference_of_means_is_no_variance_in_kelvin():
    faults = EXAM.faults("temperatures_normalized", "wrong_mean_of_squares", **FLOAT32)
    # On some processors the sums come out so that others show it as well.
    assert "kelvin" in {item.case.inputs for item in faults}


def test_a_variance_from_distances_is_right():
    assert EXAM.faults("temperatures_normalized", "right_by_pairs", "not expanded", **FLOAT32) == []
