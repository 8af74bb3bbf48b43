"""One run: what couldn't be read of it, and what is unfinished."""

from __future__ import annotations

from typing import Any

from opbench.dashboards.plugin.answers import Query
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.selection import one_run


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The state of a run."""
    run = one_run(log, query)
    return {"faults": run.faults, "cut_off": run.is_cut_off, "unfinished": len(run.unfinished())}
