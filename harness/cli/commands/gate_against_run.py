"""`opbench gate --base-run`: the head, measured now, against a run that was recorded earlier.

That is weaker than any gate of two versions: the machine of another hour was another machine.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit, of_comparison
from opbench.harness.cli.terminal import draw, progress
from opbench.results.errors import EnvironmentsDifferError, SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    from opbench.harness.execution.process import Limits, WorkerError, default_memory
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.anchors import MODULE
    from opbench.results.records.run_folder import open_run
    from opbench.results.regression.two_runs import ensure_comparable

    if words.head != ".":
        raise SelectionError("--base-run is compared with what is installed here: leave --head out")
    base = open_run(words.base_run)
    limits = Limits(words.timeout, words.memory_limit or default_memory())
    try:
        with Supervisor((*words.load, MODULE), limits=limits) as supervisor:
            ensure_comparable(base.info.environment, supervisor.environment())
            found = _measured(words, base, supervisor)
    except (EnvironmentsDifferError, WorkerError) as error:
        print(f"opbench gate: {error}", file=sys.stderr)
        return Exit.NOTHING
    try:
        _tell(words, found)
    finally:
        append(_summary(found))
    return of_comparison(found, words.names)


def _measured(words: argparse.Namespace, base: RunFolder, supervisor: Supervisor) -> Comparison:
    from opbench.harness.pipeline.anchors import anchor
    from opbench.harness.pipeline.run import run
    from opbench.harness.planning.cases import plan
    from opbench.harness.timing.stopping import Policy
    from opbench.results.records import GateRules
    from opbench.results.regression.two_runs import compare

    catalog, selection = common.load(words), options.selection(words)
    races = tuple(_recorded(plan(catalog, selection), base))
    if not races:
        raise SelectionError(f"{base.path} has nothing of what is selected")
    folder = common.create_in(words, supervisor.environment())
    anchor(folder, races, supervisor=supervisor)
    share = min(max(words.budget / len(races), LEAST_S), MOST_S)
    with progress(words) as observer:
        observer.expect(races)
        run(
            catalog,
            races,
            folder,
            policy=Policy(rules=folder.info.rules, budget_s=share),
            processes=PROCESSES,
            supervisor=supervisor,
            observer=observer,
        )
    cases = {race.case for race in races}
    whole = compare(base, folder, GateRules(words.alpha, words.min_slowdown))
    # Not only those that were raced: what the run has and the head lacks must not be passed over.
    picked = common.picks(words)
    return whole.only(lambda case, name: case in cases and picked(case, name))


def _recorded(races: tuple[Race, ...], base: RunFolder) -> Iterator[Race]:
    """The races with those contenders that the run has too."""
    from opbench.harness.planning.selection import filter_contenders

    known = {(record.case, record.contender) for record in base.records()}
    return filter_contenders(races, lambda race, name: (race.case, name) in known)


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
