"""Accepted changes: what an entry accepts, when it runs out, and what is wrong with a file."""

from __future__ import annotations

from datetime import date, timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opbench.results.errors import TriageError
from opbench.results.regression.accepted import (
    CHANGES,
    AcceptedChange,
    ensure_unexpired,
    find_entry,
    parse,
    read,
    unused_entries,
)
from opbench.results.regression.verdicts import VERDICTS
from tests.results.examples import case

WHOLE = """
# Why a change was accepted stands in its entry.
[[accepted]]
op = "patch_pooling"
contender = "cpp"
case = "small *"
change = "slower"
at_most = "12.5%"
reason = "sums in float64 since #12"
by = "ada"
until = 2027-03-31
"""
SHORT = """
[[accepted]]
op = "softmax"
reason = "clearer code"
by = "grace"
until = 2027-04-01
"""


def written(tmp_path, text):
    path = tmp_path / "opbench-accepted.toml"
    path.write_text(text, encoding="utf-8")
    return path


def entry(**changes):
    values = {
        "op": "patch_pooling",
        "contender": "*",
        "case": "*",
        "change": "slower",
        "at_most": None,
        "reason": "r",
        "by": "ada",
        "until": date(2027, 3, 31),
        "where": "here, entry 1",
    }
    return AcceptedChange(**values | changes)


def covering(*entries, op="patch_pooling", contender="cpp", change="slower", slowdown=0.2, on=None):
    return find_entry(
        entries,
        op=op,
        contender=contender,
        case=on or case(),
        change=change,
        slowdown=slowdown,
    )


def test_every_key_is_read_and_some_may_be_left_out(tmp_path):
    path = written(tmp_path, WHOLE + SHORT)

    whole, short = read(path)

    reason = "sums in float64 since #12"
    assert whole == AcceptedChange(
        op="patch_pooling",
        contender="cpp",
        case="small *",
        change="slower",
        at_most=0.125,
        reason=reason,
        by="ada",
        until=date(2027, 3, 31),
        where=f"{path}, entry 1",
    )
    assert short == entry(
        op="softmax",
        reason="clearer code",
        by="grace",
        until=date(2027, 4, 1),
        where=f"{path}, entry 2",
    )


def test_a_file_may_accept_nothing(tmp_path):
    assert read(written(tmp_path, "# nothing yet\n")) == ()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (SHORT + 'impl = "cpp"', r"entry 1: unknown key 'impl'; keys: op, contender, case, "),
        (SHORT.replace("by =", "# by ="), r"entry 1: 'by' is missing; required: op, reason, by"),
        (WHOLE + SHORT.replace("op =", "# op ="), r"entry 2: 'op' is missing"),
        (SHORT.replace("clearer code", " "), r"entry 1: 'reason' is ' '; give a text"),
        (SHORT.replace('"grace"', "7"), r"entry 1: 'by' is 7; give a text"),
        (SHORT + 'change = "faster"', r"'faster'; give one of slower, inconclusive, vanished, b"),
        (SHORT.replace("2027-04-01", '"2027-04-01"'), r"'until' is '2027-04-01'; give a day"),
        (SHORT.replace("2027-04-01", "2027-04-01T00:00:00Z"), r"'until' is .*; give a day"),
        (SHORT + "at_most = 0.25", r"'at_most' is 0\.25; give a text in percent"),
        (SHORT + 'at_most = "-5%"', r"'at_most' is '-5%'; give a text in percent"),
        (SHORT + 'at_most = "nan%"', r"'at_most' is 'nan%'; give a text in percent"),
        (SHORT + 'at_most = "5%"\nchange = "vanished"', r"not of 'vanished'; leave it out"),
        (WHOLE + SHORT + SHORT, r"entry 3 accepts the same as .*entry 2: slower \* of softmax"),
        ("[accepted]\n" + SHORT.replace("[[accepted]]", ""), r"begin each with \[\[accepted\]\]"),
        ("accepted = [1]", r"begin each with \[\[accepted\]\]"),
        (SHORT.replace("accepted", "acepted"), r"has 'acepted'; it may hold only \[\[accepted"),
        (SHORT + "until", r"is not TOML: "),
    ],
)
def test_a_fault_is_named_with_file_and_entry(tmp_path, text, wrong):
    path = written(tmp_path, text)

    with pytest.raises(TriageError, match=wrong) as error:
        read(path)

    assert str(path) in str(error.value)


def test_a_file_that_is_no_text_or_is_not_there(tmp_path):
    path = written(tmp_path, "")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TriageError, match="is not TOML"):
        read(path)
    with pytest.raises(TriageError, match=r"gone\.toml cannot be read: No such file"):
        read(tmp_path / "gone.toml")


def test_all_that_expired_are_listed():
    last = date(2027, 3, 31)
    entries = (
        entry(reason="why", where="f, entry 1"),
        entry(op="softmax", until=last + timedelta(days=9), where="f, entry 2"),
        entry(contender="cpp", until=last - timedelta(days=9), where="f, entry 3"),
    )

    ensure_unexpired(entries, last - timedelta(days=9))
    with pytest.raises(TriageError) as error:
        ensure_unexpired(entries, last + timedelta(days=1))

    assert str(error.value).splitlines() == [
        "accepted changes have expired:",
        "  f, entry 1: slower * of patch_pooling on *, until 2027-03-31 by ada: why",
        "  f, entry 3: slower cpp of patch_pooling on *, until 2027-03-22 by ada: r",
        "remove each, or renew `until` if it is still accepted",
    ]


@given(st.dates(), st.dates())
def test_an_entry_counts_through_its_last_day(until, today):
    try:
        ensure_unexpired([entry(until=until)], today)
    except TriageError:
        assert today > until
    else:
        assert today <= until


def test_op_contender_case_and_change_must_fit():
    assert covering(entry()) == entry()
    assert covering(entry(op="patch_*")) is None
    assert covering(entry(), op="softmax") is None
    assert covering(entry(contender="c*")) is not None
    assert covering(entry(contender="C*")) is None
    assert covering(entry(case="small normal float32 forward")) is not None
    assert covering(entry(case="small normal*forward cuda"), on=case(device="cuda")) is not None
    assert covering(entry(case="*/float32/cpu/forward/*")) is not None
    assert covering(entry(case="*/bfloat16/*")) is None
    assert covering(entry(change="inconclusive")) is None


def test_a_limit_accepts_no_more_than_it_says():
    limited = entry(at_most=0.25)

    assert covering(limited, slowdown=0.25) == limited
    assert covering(limited, slowdown=0.26) is None
    assert covering(limited, slowdown=None) is None
    assert covering(limited, slowdown=float("nan")) is None
    assert covering(entry(), slowdown=float("nan")) == entry()


def test_a_change_without_a_size_is_accepted_without_one():
    gone = entry(change="vanished")

    assert covering(gone, change="vanished", slowdown=None) == gone
    assert covering(gone, change="base", slowdown=None) is None


def test_the_first_that_fits_counts():
    narrow, wide = entry(at_most=0.1), entry(contender="cpp", at_most=0.5)

    assert covering(narrow, wide, slowdown=0.05) is narrow
    assert covering(narrow, wide, slowdown=0.2) is wide
    assert covering(narrow, wide, slowdown=0.6) is None


@given(st.sampled_from([*VERDICTS, "new", "head", "both"]))
def test_only_changes_that_an_entry_can_name_are_accepted(change):
    found = covering(*(entry(change=known) for known in CHANGES), change=change)

    assert (found is not None) == (change in CHANGES)


@given(st.text("ab*?", max_size=4), st.text("ab", min_size=1, max_size=4))
def test_patterns_are_those_of_fnmatch(pattern, contender):
    found = covering(entry(contender=pattern), contender=contender)

    assert (found is not None) == fnmatchcase(contender, pattern)


def test_entries_that_accepted_nothing_are_reported():
    first, second = entry(), entry(op="softmax")

    assert unused_entries((first, second), (first, first)) == (second,)
    assert unused_entries((first, second), ()) == (first, second)


def test_a_text_is_read_as_its_file_is(tmp_path):
    path = tmp_path / "accepted.toml"
    path.write_text(WHOLE, encoding="utf-8")

    assert parse(WHOLE, str(path)) == read(path)


def test_a_text_that_is_nested_without_end_is_refused_by_name():
    with pytest.raises(TriageError, match=r"^list is not TOML"):
        parse("x = " + "[" * 100_000, "list")
