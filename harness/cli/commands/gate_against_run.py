"""`opbench gate --base-run`: the head, measured now, against a run that was recorded earlier.

That is weaker than any gate of two versions: the machine of another hour was another machine.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit, of_comparison
from opbench.harness.cli.terminal import draw, progress
from opbench.results.errors import EnvironmentsDifferError, SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opbench.harness.catalog import Catalog
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.planning.selection import Race
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.regression.two_runs import Comparison

#: Fresh processes that each case is raced in.
PROCESSES = 4
#: Seconds that a case gets, all processes together, whatever the budget.
LEAST_S, MOST_S = 1.0, 12.0


def main(words: argparse.Namespace, append: Callable[[str], None]) -> Exit:
    """Race what the run has too, and print what can be told of it.

    append: what the summary is handed to, as Markdown.
    """
    from opbench.harness.execution.process import Limits, WorkerError, usual_memory
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.anchors import MODULE
    from opbench.results.records.run_folder import open_run
    from opbench.results.regression.two_runs import ensure_comparable

    if words.head != ".":
        raise SelectionError("--base-run is compared with what is installed here: leave --head out")
    base = open_run(words.base_run)
    limits = Limits(words.timeout, words.memory_limit or usual_memory())
    try:
        with Supervisor((*words.load, MODULE), limits=limits) as supervisor:
            catalog = common.load(words)
            races = _selected(words, catalog, base)
            ensure_comparable(base.info.environment, supervisor.environment())
            found = _measured(words, base, catalog, races, supervisor)
    except (EnvironmentsDifferError, WorkerError) as error:
        print(f"opbench gate: {error}", file=sys.stderr)
        return Exit.NOTHING
    try:
        _tell(words, found)
    finally:
        append(_summary(found))
    return of_comparison(found, words.names)


def _selected(words: argparse.Namespace, catalog: Catalog, base: RunFolder) -> tuple[Race, ...]:
    """What is selected, as far as the run has it. Raises SelectionError where that is nothing."""
    from opbench.harness.planning.cases import plan

    races = tuple(_recorded(plan(catalog, options.selection(words)), base))
    if not races:
        raise SelectionError(f"{base.path} has nothing of what is selected")
    return races


def _measured(
    words: argparse.Namespace,
    base: RunFolder,
    catalog: Catalog,
    races: tuple[Race, ...],
    supervisor: Supervisor,
) -> Comparison:
    from opbench.harness.pipeline.anchors import anchor
    from opbench.harness.pipeline.run import run
    from opbench.harness.timing.stopping import Policy
    from opbench.results.records import GateRules
    from opbench.results.regression.two_runs import compare

    folder = common.create_in(words, supervisor.environment())
    anchor(folder, races, supervisor=supervisor)
    share = min(max(words.budget / len(races), LEAST_S), MOST_S)
    with progress(words) as reporter:
        reporter.expect(races)
        run(
            catalog,
            races,
            folder,
            policy=Policy(folder.info.rules, budget_s=share),
            processes=PROCESSES,
            supervisor=supervisor,
            reporter=reporter,
        )
    cases = {race.case for race in races}
    whole = compare(base, folder, GateRules(words.alpha, words.min_slowdown))
    # Not only those that were raced: what the run has and the head lacks must not be passed over.
    picked = common.picks(words)
    return whole.only(lambda case, name: case in cases and picked(case, name))


def _recorded(races: tuple[Race, ...], base: RunFolder) -> Iterator[Race]:
    """The races with those contenders that the run has too."""
    known = {(record.case, record.contender) for record in base.records()}
    for race in races:
        names = tuple(name for name in race.contenders if (race.case, name) in known)
        if names:
            yield replace(race, contenders=names)


def _summary(found: Comparison) -> str:
    from opbench.results.report.markdown import escape, render
    from opbench.results.report.two_runs import headline, tables

    lines = [f"{escape(line)}\n" for line in headline(found).splitlines()]
    parts = ["## opbench gate, against a recorded run\n", *lines, *map(render, tables(found))]
    return "\n".join(parts)


def _tell(words: argparse.Namespace, found: Comparison) -> None:
    from opbench.results.report.two_runs import headline, tables

    if words.json:
        common.print_json(common.plain(found))
        return
    draw(tables(found))
    print(headline(found))
