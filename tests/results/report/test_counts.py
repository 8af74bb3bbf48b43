"""Numbers of things, in words."""

from __future__ import annotations

from opbench.results.report.counts import counted


def test_one_has_no_plural():
    assert [counted(number, "run") for number in range(3)] == ["0 runs", "1 run", "2 runs"]
