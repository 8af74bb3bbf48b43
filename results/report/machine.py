"""Tables of a machine: its ceilings, and how often the gate errs on it."""

from __future__ import annotations

from opbench.results.records import Calibration, Ceilings
from opbench.results.regression import resampling
from opbench.results.report.counts import counted
from opbench.results.report.table import Table, format_bytes, format_number, format_time


def calibration_table(calibration: Calibration) -> Table:
    """A row per injected slowdown: the share of sessions that failed for it."""
    rows = [("nothing", *_row(calibration.failed, calibration.sessions))]
    rows += [
        (f"{power.slowdown:.1%} in one", *_row(power.found, power.sessions))
        for power in calibration.powers
    ]
    spreads = ", ".join(f"{spread:.2%} for {method}" for method, spread in calibration.spreads)
    between = f"; sd between units {spreads}" if spreads else ""
    title = (
        f"sessions of {calibration.subjects} contenders and cases on {calibration.device}, "
        f"{counted(calibration.threads, 'thread')}, resampled{between}; of the unchanged "
        f"{calibration.void} void, {calibration.inconclusive} inconclusive"
    )
    return Table(title, ("injected", "failed for it", "of", "95% interval"), tuple(rows))


def _row(count: int, trials: int) -> tuple[str, str, str]:
    """A count of trials, their number, and the share with its 95% interval."""
    share = resampling.rate(count, trials)
    return str(count), str(trials), f"{share.low:.1%} to {share.high:.1%}"


def ceilings_table(ceilings: Ceilings) -> list[Table]:
    """The ceilings of memory, matrix products and a dispatch, a table each."""
    on = f"{ceilings.device}, {counted(ceilings.threads, 'thread')}"
    memory = ((format_bytes(size), format_number(rate / 1e9)) for size, rate in ceilings.memory)
    matmul = ((dtype, format_number(rate / 1e9)) for dtype, rate in ceilings.matmul)
    return [
        Table(f"memory · {on}", ("bytes moved by a call", "GB/s"), tuple(memory)),
        Table(f"matrix product · {on}", ("dtype", "GFLOP/s"), tuple(matmul)),
        Table(
            f"dispatch · {on}", ("an op that does nothing",), ((format_time(ceilings.dispatch_s),),)
        ),
    ]


def format_rate(value: float | None) -> str:
    """A rate, where the op has one: a cost of nothing is no rate."""
    return format_number(value or None)
