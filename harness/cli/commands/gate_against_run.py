"""`opbench gate --base-run`: the head, measured now, against a run that was recorded earlier.

That is weaker than any gate of two versions: the machine of another hour was another machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.exit_codes import Exit, of_comparison
from opbench.harness.cli.gate_output import print_comparison
from opbench.harness.cli.run_folder import RunInProgress, create_in, resumable
from opbench.harness.cli.terminal import progress
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opbench.harness.catalog import Catalog
    from opbench.harness.cli.drawing import ColumnChoice
    from opbench.harness.cli.filter import Filter
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.execution.process import Limits
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.planning.selection import Race, Selection
    from opbench.results.records import GateRules
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.regression.two_runs import Comparison

#: Fresh processes that each case is raced in.
PROCESSES = 4
#: Seconds that a case gets, all processes together, whatever the budget.
LEAST_S, MOST_S = 1.0, 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The comparison of what is installed here with a recorded run."""

    #: The folder of the run.
    base: Path
    #: The contenders and cases to race.
    selection: Selection
    #: Selects among those that the run has.
    selector: Filter
    #: As given by --load.
    modules: tuple[str, ...]
    #: Of contenders.
    limits: Limits
    #: The decision rules.
    rules: GateRules
    #: The folder of the new races.
    new: NewRun
    output: Output
    #: Seconds for all races together.
    budget_s: float


def run(request: Request, append: Callable[[str], None], columns: ColumnChoice) -> Exit:
    """Race what the run has too, and print the findings.

    append: takes the summary, as Markdown. columns: of the tables.
    """
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.anchors import MODULE
    from opbench.results.regression.two_runs import ensure_comparable
    from opbench.results.report.two_runs import markdown
    from opbench.results.store.opening import open_run

    base = open_run(request.base)
    with resumable("gate") as begun:
        with Supervisor((*request.modules, MODULE), limits=request.limits) as supervisor:
            catalog = load_catalog(request.modules)
            races = _selected_races(request, catalog, base)
            ensure_comparable(base.info.environment, supervisor.environment())
            comparison = _measured(request, base, catalog, races, supervisor, begun)
        try:
            print_comparison(comparison, columns, as_json=request.output.json)
        finally:
            append(markdown(comparison))
    return of_comparison(comparison, request.selection.names)


def _selected_races(request: Request, catalog: Catalog, base: RunFolder) -> tuple[Race, ...]:
    """The selected races, as far as the run has them. Raises SelectionError if it has none."""
    from opbench.harness.planning.cases import plan
    from opbench.harness.planning.selection import filter_contenders

    known = {(record.case, record.contender) for record in base.records()}
    planned = plan(catalog, request.selection)
    races = tuple(filter_contenders(planned, lambda race, name: (race.case, name) in known))
    if not races:
        raise SelectionError(f"{base.path} has nothing of what is selected")
    return races


def _measured(
    request: Request,
    base: RunFolder,
    catalog: Catalog,
    races: tuple[Race, ...],
    supervisor: Supervisor,
    begun: RunInProgress,
) -> Comparison:
    from opbench.harness.pipeline.anchors import anchor
    from opbench.harness.pipeline.run import run
    from opbench.harness.timing.stopping import Policy
    from opbench.results.regression.two_runs import compare

    folder = create_in(request.new, supervisor.environment())
    begun.folder = folder.path
    anchor(folder, races, supervisor=supervisor)
    share = min(max(request.budget_s / len(races), LEAST_S), MOST_S)
    with progress(request.output) as observer:
        observer.expect(races)
        run(
            catalog,
            races,
            folder,
            policy=Policy(rules=folder.info.rules, budget_s=share),
            processes=PROCESSES,
            supervisor=supervisor,
            observer=observer,
            spot_check=False,  # of speed alone
        )
    cases = {race.case for race in races}
    selector = request.selector
    # Not only those that were raced: what the run has and the head lacks must not be passed over.
    return compare(base, folder, request.rules).only(
        lambda case, name: case in cases and selector.has_contender(case, name)
    )
