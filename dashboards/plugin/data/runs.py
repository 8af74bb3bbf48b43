"""The runs of the log directory: what each is, and what it holds."""

from __future__ import annotations

from typing import Any

from opbench.dashboards.plugin.answers import Query
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.run_summary import RunSummary
from opbench.results.records.run_folder import start_time


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The runs, the one that began last first."""
    listing = log.listing()
    return {
        "logdir": log.logdir,
        "stamp": listing.stamp,
        "faults": listing.faults,
        "runs": [_fields(run) for run in sorted(log.summaries(), key=_start, reverse=True)],
    }


def _start(run: RunSummary) -> float:
    """When a run began; 0 where that can't be read."""
    return start_time(run.head) if run.head else 0.0


def _fields(run: RunSummary) -> dict[str, Any]:
    """A run for the list of runs."""
    head = run.head
    return {
        "id": run.id,
        "created": head.created if head else "",
        "command": " ".join(head.command) if head else "",
        "environment": head.environment.key if head else "",
        "lines": dict(run.lines),
        "faults": run.faults,
    }
