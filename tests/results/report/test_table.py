"""Tables for people."""

from __future__ import annotations

import dataclasses
import math

import pytest

from opbench.results.ranking.ceilings import Share
from opbench.results.ranking.leaderboard import board
from opbench.results.records import Unsupported
from opbench.results.report.leaderboard import COLUMNS, leaderboard_table
from opbench.results.report.profiles import operators_table
from opbench.results.report.table import (
    format_bytes,
    format_interval,
    format_number,
    format_ratio,
    format_share,
    format_time,
)
from opbench.results.statistics.interval import Interval
from tests.results.examples import case, measured, profile, record


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.234e-5, "12.3 µs"),
        (9.996e-7, "1.00 µs"),
        (0.9999, "1.00 s"),
        (1.5e-3, "1.50 ms"),
        (2.5e-10, "0.250 ns"),
        (100.0, "100 s"),
        (4321.0, "4320 s"),
        (0.0, "0 ns"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_times(seconds, text):
    assert format_time(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (512, "512 B"),
        (1_500_000, "1.50 MB"),
        (0, "0 B"),
        (12.5, "12.5 B"),
        (2e12, "2.00 TB"),
        (-2048, "-2.05 kB"),
        (999_999, "1.00 MB"),
        (None, "-"),
    ],
)
def test_bytes(count, text):
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, "0.123"),
        (1234.0, "1230"),
        (0, "0"),
        (math.inf, "inf"),
        (None, "-"),
        (-1.5, "-1.50"),
    ],
)
def test_numbers(value, text):
    assert format_number(value) == text


def test_ratios_and_intervals():
    assert format_ratio(1.234) == "1.23x"
    assert format_ratio(123.4) == "123x"
    assert format_ratio(None) == format_ratio(math.nan) == "-"
    assert format_interval(Interval(1.23, 1.2, 1.26)) == "[1.20, 1.26]"
    assert format_interval(Interval(1, 0, math.inf)) == "[?, ?]"
    assert format_interval(None) == "-"


def test_a_leaderboard():
    found = leaderboard_table(
        board(
            case(),
            [
                record("triton", Unsupported("no GPU")),
                record("slow", measured(3e-4, seed=1, peak_bytes=None, flops=0)),
                record("best", measured(1e-4, seed=2)),
            ],
        )
    )

    assert found.title == "patch_pooling · small normal float32 forward · B=8 S=1024"
    assert found.columns == COLUMNS
    best, slow, triton = (dict(zip(COLUMNS, row, strict=True)) for row in found.rows)
    assert best["ratio"] == "1.00x"
    assert best["interval"] == "[1.00, 1.00]"
    assert best["verdict"] == "best"
    assert best["time"].endswith(" µs")
    assert best["peak memory"] == "3.50 MB"
    assert best["preparation"] == "12.0 ms"
    assert best["samples"] == "40"
    assert slow["verdict"] == "slower"
    assert slow["peak memory"] == slow["GFLOP/s"] == "-"
    assert triton["verdict"] == "unsupported"
    assert triton["note"] == "no GPU"
    assert {triton[name] for name in COLUMNS[1:4]} == {"-"}


def test_the_time_by_the_devices_events_stands_beside_the_hosts():
    timed = measured(2e-4, range(3), device_s=(1.5e-4, 1.6e-4, 1.7e-4))
    found = leaderboard_table(board(case(), [record("a", timed), record("b", Unsupported("no"))]))

    assert found.columns[:4] == ("contender", "time", "device time", "ratio")
    assert [row[2] for row in found.rows] == ["160 µs", "-"]


def test_shares_of_a_ceiling_and_those_that_cannot_be_true():
    assert format_share(None) == "-"
    assert format_share(Share(0.834, "memory")) == "83% memory"
    assert format_share(Share(1.2, "compute")) == "120% compute!"


def test_a_tie_is_shown_on_both_sides():
    found = leaderboard_table(
        board(
            case(),
            [record(name, measured(1e-4, range(400), seed=n)) for n, name in enumerate("ab")],
        )
    )

    assert {row[COLUMNS.index("verdict")] for row in found.rows} == {
        "best (tied)",
        "tied with best",
    }


def test_operators_come_by_their_own_time():
    found = operators_table(profile())

    assert found.title == "patch_pooling · einsum · small normal float32 forward"
    assert found.rows[0] == ("aten::bmm", "2.00", "30.0 µs", "96.8%", "31.0 µs", "1.50 MB")
    assert found.rows[1][0] == "aten::zeros"


def test_operators_without_time():
    rows = (dataclasses.replace(profile().operators[0], self_time_s=0.0),)

    found = operators_table(dataclasses.replace(profile(), operators=rows))

    assert found.rows[0][3] == "-"
