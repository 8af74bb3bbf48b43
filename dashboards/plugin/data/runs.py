"""The runs of the log directory: what each is, what is in it, and what couldn't be read."""

from __future__ import annotations

from collections import Counter
from typing import Any

from opbench.dashboards.plugin.answers import Query
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.results.records.run_folder import start_time


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The runs, the one that began last first."""
    listing = log.listing()
    runs = sorted(log.runs(), key=_start, reverse=True)
    return {
        "logdir": log.root,
        "stamp": listing.stamp,
        "faults": listing.faults,
        "runs": [_summary(run) for run in runs],
    }


def _start(run: ReadRun) -> float:
    """When a run began; 0 where that can't be read."""
    return start_time(run.head) if run.head else 0.0


def _summary(run: ReadRun) -> dict[str, Any]:
    """A run for the list of runs."""
    counts = Counter(type(line).__name__ for line in run.content)
    head = run.head
    return {
        "id": run.id,
        "created": head.created if head else "",
        "command": " ".join(head.command) if head else "",
        "environment": head.environment.key if head else "",
        # Of each kind of line, by the names of their classes.
        "lines": dict(counts),
        "unfinished": len(run.unfinished()),
        "faults": run.faults,
        "cut_off": run.is_cut_off,
    }
