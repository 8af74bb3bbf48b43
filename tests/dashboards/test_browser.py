"""A published run as people see it: TensorBoard in headless Chromium."""

from __future__ import annotations

import pytest

from tests.dashboards.browser import CHROME, look
from tests.results.examples import make_run, records


@pytest.mark.skipif(CHROME is None, reason="no chromium; install it, or name one in CHROME")
def test_a_run_is_shown(tmp_path):
    folder = make_run(tmp_path)
    expected = {
        (r.case.op, r.case.shape, r.case.direction, r.case.dtype, r.contender) for r in records()
    }

    seen = look(folder.path)

    shown = [
        tuple(row[name] for name in ("op", "shape", "direction", "dtype", "contender"))
        for row in seen.rows
    ]
    assert len(shown) == len(records())
    assert set(shown) == expected
    assert {"contender", "verdict", "time (µs)", "index_add"} <= set(seen.shown)

    assert seen.ascending != seen.rows
    times = [row["time_us"] for row in seen.ascending if "time_us" in row]
    assert times == sorted(times)
    assert [row["time_us"] for row in seen.descending if "time_us" in row] == times[::-1]

    boards = [text for text in seen.texts if "contender" in text]
    assert len(boards) == 2
    assert all("tied with best" in text and "needs triton" in text for text in boards)
    assert any("0 * NaN leaks | spreads" in text for text in boards)

    # Time and throughput, for two series of two ops.
    assert len(seen.charts) == 8
    assert min(seen.charts) >= 3
    assert max(seen.charts) == 4

    assert len(seen.pictures) == 4
    assert all(width > 300 and height > 100 for width, height in seen.pictures)
