"""The Text page: a leaderboard per op, the operators of profiles, and the run itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from opbench.dashboards.events import Entry, text
from opbench.dashboards.view import OpView
from opbench.results.records import Profile, RunInfo
from opbench.results.regression.profile_diff import differences
from opbench.results.report.markdown import leaderboards, render
from opbench.results.report.profiles import difference_table, operators_table
from opbench.results.report.table import Table

#: The folder of the log that holds the texts.
RUN = "leaderboards"


def entries(views: Iterable[OpView], profiles: Iterable[Profile], info: RunInfo) -> Iterator[Entry]:
    """The texts of a run.

    Leaderboards, operators and differences are grouped by op; the run has a text of its own.
    """
    for view in views:
        yield text(RUN, f"leaderboard/{view.op}", leaderboards(view.boards))
    profiles = tuple(profiles)
    for what, tables in (
        ("operators", [(p.case.op, operators_table(p)) for p in profiles]),
        ("what grew", [(d.case.op, difference_table(d)) for d in differences(profiles)]),
    ):
        for op in sorted({op for op, _ in tables}):
            drawn = "\n".join(render(table) for of, table in tables if of == op)
            yield text(RUN, f"{what}/{op}", drawn)
    yield text(RUN, "run/about", "\n".join(render(table) for table in _about(info)))


def _about(info: RunInfo) -> Iterator[Table]:
    """The run's head, environment, rules and warnings, a table each."""
    head = (("id", info.id), ("created", info.created), ("command", " ".join(info.command)))
    environment = info.environment
    for title, rows in (
        ("run", (*head, *info.settings)),
        ("environment", (("key", environment.key), *environment.stable)),
        ("state of the machine", environment.volatile),
        ("rules", tuple((name, str(value)) for name, value in asdict(info.rules).items())),
        ("warnings", tuple(("", warning) for warning in info.warnings)),
    ):
        yield Table(title, ("key", "value"), rows)
