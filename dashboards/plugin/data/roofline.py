"""The measured contenders of a run under the ceilings of its machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.choices import chosen
from opbench.dashboards.plugin.lines import measured_boards
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.dashboards.plugin.selection import one_run
from opbench.results.ranking.ceilings import is_suspicious
from opbench.results.ranking.leaderboard import Row
from opbench.results.records import Case, Ceilings, Measured


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The contenders of the op that `op` names, the first without; the ceilings of all settings.

    A setting is a device with a number of threads.
    """
    run = one_run(log, query)
    ops = sorted({board.case.op for board in run.boards() if board.measured})
    op = chosen(query, "op", ops) if ops else None
    return {
        "ops": ops,
        "op": op,
        "ceilings": [_ceilings(one) for one in run.ceilings()],
        "points": list(_points(run, op)) if op else [],
    }


def _ceilings(ceilings: Ceilings) -> dict[str, Any]:
    """The ceilings of a setting for a page."""
    return {
        "device": ceilings.device,
        "threads": ceilings.threads,
        "memory": [(size, finite(rate)) for size, rate in ceilings.memory],
        "matmul": {dtype: finite(rate) for dtype, rate in ceilings.matmul},
        "dispatch_s": finite(ceilings.dispatch_s),
    }


def _points(run: ReadRun, op: str) -> Iterator[dict[str, Any]]:
    """The measured contenders of an op on all of its cases."""
    for board, outcomes in measured_boards(run, op).items():
        for row in board.measured:
            yield _point(board.case, row, outcomes[row.contender])


def _point(case: Case, row: Row, measured: Measured) -> dict[str, Any]:
    """A contender on a case: its work, its time, and its share of the ceiling."""
    return {
        "contender": row.contender,
        "label": case.label,
        "sizes": case.sizes,
        "dtype": case.dtype,
        "device": case.device,
        "threads": case.threads,
        "cache": case.cache,
        "bytes": measured.bytes,
        "flops": measured.flops,
        "time_s": finite(row.time_s),
        "gb_per_s": finite(row.gb_per_s),
        "gflop_per_s": finite(row.gflop_per_s),
        "verdict": row.verdict,
        "ratio": finite(row.ratio.value) if row.ratio else None,
        "share": finite(row.share.value) if row.share else None,
        "bound": row.share.bound if row.share else None,
        "suspicious": bool(row.share and is_suspicious(row.share)),
    }
