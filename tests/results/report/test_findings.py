"""The tables of a gate, and of two runs: who comes first, and what is shown where nothing is."""

from __future__ import annotations

import math

from opbench.results.records import Failed, Uncompared, Unpaired, Unsupported
from opbench.results.regression.verdicts import VERDICTS, Finding
from opbench.results.report.findings import COLUMNS, findings_table, uncompared_table
from opbench.results.report.markdown import render
from opbench.results.statistics.interval import Interval
from tests.results.examples import case

RATIO = Interval(1.0512, 1.031, 1.0718)


def finding(contender="cpp", verdict="same", ratio=RATIO, on=None, **changes):
    values = {
        "units": 6,
        "spread": 0.0123,
        "detectable": 0.0196,
        "method": "twins",
        "role": "screen",
    }
    return Finding(
        contender=contender, case=on or case(), verdict=verdict, ratio=ratio, **values | changes
    )


def test_a_row_has_ratio_interval_units_and_spread():
    (row,) = findings_table([finding(verdict="slower")]).rows
    assert dict(zip(COLUMNS, row, strict=True)) == {
        "op": "patch_pooling",
        "case": "small normal float32 forward",
        "contender": "cpp",
        "verdict": "slower",
        "ratio": "1.051",
        "interval": "1.031 - 1.072",
        "detectable": "2.0%",
        "units": "6 twins",
        "spread": "1.2%",
    }


def test_those_that_need_a_look_come_first():
    mixed = [finding(f"c{n}", verdict) for n, verdict in enumerate(reversed(VERDICTS))]
    table = findings_table(mixed)
    assert [row[COLUMNS.index("verdict")] for row in table.rows] == list(VERDICTS)

    other = finding("first", "same", on=case("boundary_upsample"))
    rows = findings_table([finding("second"), other]).rows
    assert [row[2] for row in rows] == ["first", "second"]


def test_unknown_numbers_are_dashes():
    unbounded = Interval(1.2, 0.0, math.inf)
    (row,) = findings_table([finding(ratio=unbounded, spread=math.nan, detectable=math.inf)]).rows
    shown = dict(zip(COLUMNS, row, strict=True))
    assert (shown["interval"], shown["detectable"], shown["spread"]) == ("-", "-", "-")
    assert shown["ratio"] == "1.200"


def test_why_there_is_nothing_to_compare():
    gone = Uncompared("old", case(), "vanished", Unpaired(None, Unsupported("not in this run")))
    broken = Uncompared("bad", case(), "head", Unpaired(None, Failed("measure", "SIGSEGV")))
    table = uncompared_table([gone, broken])
    assert [row[2:] for row in table.rows] == [
        ("old", "vanished", "runs", "not in this run"),
        ("bad", "head", "runs", "SIGSEGV"),
    ]


def test_in_markdown_a_contender_keeps_its_underscores():
    lines = render(findings_table([finding("index_add", "slower")])).splitlines()
    assert lines[0] == "### head against base"
    assert lines[-1].startswith(
        "| patch_pooling | small normal float32 forward | index_add | slower"
    )
