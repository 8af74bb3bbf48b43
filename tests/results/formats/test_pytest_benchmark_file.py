"""The benchmarks of a file: what its writer left out, and what can't be read."""

from __future__ import annotations

import math

import pytest

from opbench.results.formats.pytest_benchmark_file import benchmarks
from tests.results.benchmark_files import entry, without

NAMES = ("group", "name", "params", "param", "extra_info")


def only(raw):
    (found,), left_out = benchmarks([raw])
    assert left_out == []
    return found


@pytest.mark.parametrize("lacking", [*NAMES, "all"])
@pytest.mark.parametrize("value", [..., None])
def test_missing_fields_are_inferred_from_the_rest(lacking, value):
    """As version 2.5 and other writers do."""
    raw = entry("d[1]/t.py::TestA::test_a[a::b]", params={"n": 1}, name="test_a[a::b]")
    gone = NAMES if lacking == "all" else (lacking,)
    whole, found = only(raw), only(without(raw | dict.fromkeys(gone, value)))

    assert found.function == whole.function == "d[1]/t.py::TestA::test_a"
    assert found.name == whole.name == "test_a[a::b]"
    assert found.id == whole.id == "a::b"
    assert found.samples_s == (0.1, 0.3, 0.2)
    assert found.params == ({} if "params" in gone else {"n": 1})


@pytest.mark.parametrize(
    ("stats", "samples", "note"),
    [
        ({"data": ["0.5", 1]}, (0.5, 1.0), ""),
        ({"data": [], "median": 0.2, "rounds": 5}, (0.2,), "only the median of 5 rounds was saved"),
        ({"data": None, "mean": 2}, (2.0,), "only the mean of its rounds was saved"),
        ({"median": None, "min": 1e-9}, (1e-9,), "only the min of its rounds was saved"),
    ],
)
def test_samples_or_a_statistic_in_their_place(stats, samples, note):
    found = only(entry(stats=stats))
    assert (found.samples_s, found.note, found.calls) == (samples, note, 1)


@pytest.mark.parametrize("calls", [0, -1, None, "7", 2.5, True, 10**30])
def test_calls_that_are_no_count(calls):
    assert only(entry(stats={"median": 0.2, "iterations": calls})).calls == 1


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (7, "benchmark 2 is no object: 7"),
        (None, "benchmark 2 is no object: None"),
        ({}, "benchmark 2 has no name"),
        ({"stats": {"median": 1}}, "benchmark 2 has no name"),
        (entry(stats=None), "t.py::test_a has no statistics"),
        (entry(stats=[1]), "t.py::test_a has no statistics"),
        (entry(stats={}), "t.py::test_a has neither samples nor a median, mean, min"),
        (entry(stats={"data": [0.5, math.inf]}), "has a sample (of 2) that is no time: inf"),
        (entry(stats={"data": [0.5, math.nan]}), "has a sample (of 2) that is no time: nan"),
        (entry(stats={"data": [1e-7, 0.0]}), "has a sample (of 2) that is no time: 0.0"),
        (entry(stats={"data": [-1.0]}), "has a sample (of 1) that is no time: -1.0"),
        (entry(stats={"data": ["fast"]}), "has a sample (of 1) that is no time: fast"),
        (entry(stats={"data": [True]}), "has a sample (of 1) that is no time: True"),
        (entry(stats={"data": [[1]]}), "has a sample (of 1) that is no time: [1]"),
        (entry(stats={"data": [10**400]}), "that is no time: 1000"),
        (entry(stats={"data": {"a": 1}}), "has samples that are no list"),
        (entry(stats={"median": math.inf}), "has a median that is no time: inf"),
    ],
)
def test_one_that_cannot_be_read_is_named_and_the_others_are_read(bad, fault):
    found, left_out = benchmarks([entry("t.py::one"), bad, entry("t.py::two")])

    assert [item.name for item in found] == ["one", "two"]
    (reported,) = left_out
    assert fault in reported


def test_names_hold_no_addresses():
    """Of `ids=repr`: two runs would share no contender."""
    raw = [
        entry("t.py::f[<Fast object at 0x7f0a1b2c3d4e>]"),
        entry("t.py::f[0x10]"),
        entry("t.py::g[<A object at 0x7f0a1b2c3d4e>]"),
        entry("t.py::g[<A object at 0x7f0a1b2c3d4f>]"),
    ]
    found, _ = benchmarks(raw)

    assert [item.id for item in found[:2]] == ["<Fast object>", "0x10"]
    assert found[0].fullname == "t.py::f[<Fast object>]"
    # Nothing else tells these apart.
    assert len({item.fullname for item in found}) == 4
