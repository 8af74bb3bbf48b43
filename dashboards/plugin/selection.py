"""The runs that a query names."""

from __future__ import annotations

from opbench.dashboards.plugin.answers import Query
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.results.errors import SelectionError
from opbench.results.records.run_folder import start_time


def selected_runs(log: LogFolder, query: Query) -> tuple[ReadRun, ...]:
    """The runs that `run` names, in that order, or where it names none, all that have a head.

    Those come as they began. Raises SelectionError where one isn't there, RunFolderError where one
    that is named can't be read.
    """
    names = query.get("run", [])
    runs = tuple(log.run(name) for name in dict.fromkeys(names or readable_runs(log)))
    for run in runs:
        # Without a head nobody knows by which rules races were decided.
        _ = run.info
    return runs


def readable_runs(log: LogFolder) -> tuple[str, ...]:
    """The runs that have a head, as they began."""
    heads = [(start_time(one.head), one.id) for one in log.summaries() if one.head]
    return tuple(run_id for _, run_id in sorted(heads))


def latest_races(log: LogFolder, most: int) -> tuple[list[str], int]:
    """The latest of the runs with a race, one at least, as they began; and how many are left out.

    most: the records that all of them have together at most, where there are several.
    """
    counts = {run.id: run.lines["Record"] for run in log.summaries()}
    races = [name for name in readable_runs(log) if counts[name]]
    names: list[str] = []
    rows = 0
    for name in reversed(races):
        rows += counts[name]
        if names and rows > most:
            break
        names.insert(0, name)
    return names, len(races) - len(names)


def one_run(log: LogFolder, query: Query) -> ReadRun:
    """The one run that `run` names; as `selected_runs`."""
    if len(query.get("run", [])) != 1:
        raise SelectionError("name one run: run=ID")
    return selected_runs(log, query)[0]
