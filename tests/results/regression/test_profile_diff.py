"""What grew between two profiles, and how it is reported."""

from __future__ import annotations

import dataclasses

import pytest

from opbench.results.records import OperatorRow, codec, run_folder
from opbench.results.regression.profile_diff import difference, differences
from opbench.results.report.profiles import difference_table, operators_table, summary
from tests.results.examples import case, info, profile


def operator(name, self_time_s, calls=1.0):
    """An operator of a profile."""
    return OperatorRow(
        name=name, calls=calls, self_time_s=self_time_s, total_time_s=self_time_s, self_bytes=0
    )


def side(which, *operators, **fields):
    """The profile of one of two versions."""
    return dataclasses.replace(profile(), side=which, operators=operators, **fields)


BASE = side("base", operator("mm", 4e-5), operator("add", 2e-5), operator("gather", 1e-5, 3))
HEAD = side(
    "head", operator("mm", 4e-5), operator("add", 3e-5), operator("clone", 5e-6), peak_bytes=5 << 20
)


def test_the_operator_that_grew_most_is_first():
    diff = difference(BASE, HEAD)

    assert [change.name for change in diff.operators] == ["add", "clone", "mm", "gather"]
    assert [change.status for change in diff.operators] == ["both", "new", "both", "vanished"]


def test_the_numbers_of_an_operator():
    add, clone, _, gather = difference(BASE, HEAD).operators

    assert add.grown_s == pytest.approx(1e-5)
    assert add.grown == pytest.approx(0.5)
    assert (clone.base_calls, clone.base_s, clone.grown_s) == (0, 0, 5e-6)
    assert clone.grown is None
    assert (gather.base_calls, gather.head_calls) == (3, 0)
    assert gather.grown == -1


def test_the_numbers_of_all_operators_together():
    diff = difference(BASE, HEAD)

    assert (diff.base_s, diff.head_s) == pytest.approx((7e-5, 7.5e-5))
    assert (diff.base_bytes, diff.head_bytes) == (1 << 20, 5 << 20)
    assert summary(diff) == (
        "all operators per call: 70.0 µs to 75.0 µs (+7.1%)   peak memory: 1.05 MB to 5.24 MB"
    )


def test_of_equal_growth_the_one_called_more_often_is_first():
    quiet, new = operator("quiet", 0.0), operator("new", 0.0)

    diff = difference(side("base", quiet), side("head", quiet, new))

    assert [change.name for change in diff.operators] == ["new", "quiet"]


def test_the_table():
    add, clone, mm, gather = difference_table(difference(BASE, HEAD)).rows

    assert add == ("add", "", "1.00", "1.00", "20.0 µs", "30.0 µs", "+10.0 µs", "+50.0%")
    assert clone == ("clone", "new", "0", "1.00", "-", "5.00 µs", "+5.00 µs", "-")
    assert mm[-2:] == ("0 ns", "+0.0%")
    assert gather == ("gather", "vanished", "3.00", "0", "10.0 µs", "-", "-10.0 µs", "-100.0%")


def test_a_short_table_has_the_largest_changes_either_way():
    rows = difference_table(difference(BASE, HEAD), top=2).rows

    assert [row[0] for row in rows] == ["add", "gather"]


def test_only_both_sides_of_a_contender_and_case_make_a_pair():
    elsewhere = case(shape="elsewhere")
    lonely = dataclasses.replace(BASE, contender="lonely")
    apart = dataclasses.replace(HEAD, contender="lonely", case=elsewhere)

    found = differences([profile(), HEAD, lonely, apart, BASE])

    assert found == (difference(BASE, HEAD),)


def test_a_run_keeps_both_sides_and_the_latest_of_each(tmp_path):
    run = run_folder.create(tmp_path, info())
    for line in (profile(), side("base"), HEAD, BASE):
        run.append(line)

    assert set(run.profiles()) == {profile(), BASE, HEAD}


def test_a_profile_of_before_there_were_sides_is_read():
    text = codec.dumps(profile()).replace(',"side":""', "")

    assert '"side"' not in text
    assert codec.loads(text) == profile()


def test_the_operators_of_a_side_say_which_it_is():
    assert operators_table(HEAD).title == f"{operators_table(profile()).title} · head"
