"""The runs that a query names."""

from __future__ import annotations

from opbench.dashboards.plugin.answers import Query
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.results.errors import SelectionError
from opbench.results.records.run_folder import start_time


def selected_runs(log: LogFolder, query: Query) -> tuple[ReadRun, ...]:
    """The runs that `run` names, in that order; where it names none, all that can be read.

    Those come as they began. Raises SelectionError where one isn't there, RunFolderError where one
    that is named can't be read.
    """
    names = query.get("run", [])
    if names:
        runs = tuple(log.run(name) for name in dict.fromkeys(names))
        for run in runs:
            _ = run.info
        return runs
    readable = [run for run in log.runs() if run.head]
    return tuple(sorted(readable, key=lambda run: start_time(run.info)))


def one_run(log: LogFolder, query: Query) -> ReadRun:
    """The one run that `run` names; as `selected_runs`."""
    if len(query.get("run", [])) != 1:
        raise SelectionError("name one run: run=ID")
    return selected_runs(log, query)[0]
