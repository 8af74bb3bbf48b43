"""Names of cases, lines and folders."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opbench.dashboards.labels import labels, series_labels, slug
from tests.results.examples import case


def test_labels_have_the_fields_that_differ():
    cases = [case(), case(direction="backward"), case(shape="large", threads=2)]

    assert list(labels(cases).values()) == [
        "small forward threads=1",
        "small backward threads=1",
        "large forward threads=2",
    ]
    assert labels(cases[:1])[cases[0]] == "small"


def test_labels_of_different_cases_differ():
    cases = [case(size=1), case(size=2)]

    assert list(labels(cases).values()) == ["small (B=8 S=1)", "small (B=8 S=2)"]


def test_a_series_spans_sizes_but_not_options():
    first, larger = case(size=1), case(shape="large", size=2)
    other = case(axes=(("B", 8), ("order", "up")))
    found = series_labels([first, larger, other])

    assert found[first] == found[larger] == "forward float32"
    assert found[other] == "forward float32 order=up"


@given(st.text(max_size=120), st.text(max_size=120))
def test_slugs_are_distinct_names_of_folders(one, other):
    assert "/" not in slug(one)
    assert slug(one) not in ("", ".", "..")
    assert len(slug(one).encode()) <= 255
    assert (slug(one) == slug(other)) == (one == other)
