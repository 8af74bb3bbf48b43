"""`opbench tune`: race the shapes where it is uncertain which contender to choose."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opbench.harness.cli import resuming, tuning, tuning_range
from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.choosing import ChoiceRequest
from opbench.harness.cli.commands import choose
from opbench.harness.cli.drawing import say
from opbench.harness.cli.exit_codes import Exit, of_outcomes, worst
from opbench.harness.cli.output import complain, print_json, warn
from opbench.harness.cli.run_folder import RunInProgress, add_ceilings, create, resumable
from opbench.harness.cli.workers import supervised

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.choosing.call_axes import CallAxes
    from opbench.harness.cli.tuning import TuneCommand
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.tune import Round, Tuned, Why
    from opbench.harness.pipeline.tuning_state import TuningRequest
    from opbench.harness.planning.selection import Race
    from opbench.harness.planning.shape_ranges import Candidate
    from opbench.results.choosing.situations import Situation
    from opbench.results.records import Record
    from opbench.results.records.run_folder import RunFolder

HELP = "race the shapes where it is uncertain which contender to choose, and choose"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    tuning.add_arguments(parser)


def run(args: argparse.Namespace) -> Exit:
    """Race until the regret is reached, and print the choice."""
    command = tuning.command_of(args)
    with resumable("tune") as begun:
        catalog = load_catalog(command.modules)
        request, tuned, rounds = _tune(command, catalog, begun)
    records = request.folder.records(ops=(command.op,))
    codes = [of_outcomes(record.outcome for record in records)] if records else [Exit.OK]
    if command.is_regret_given and tuned.stopped != "reached":
        codes.append(Exit.INCONCLUSIVE)
    _show(command, catalog, request, tuned, rounds)
    return worst(codes)


def _tune(
    command: TuneCommand, catalog: Catalog, begun: RunInProgress
) -> tuple[TuningRequest, Tuned, Sequence[Round]]:
    """Race, and say of each shape what is known since."""
    from opbench.harness.cli.tune_text import line
    from opbench.harness.machine.watch import Watch
    from opbench.harness.pipeline.tune import tune

    rounds: list[Round] = []

    def report(done: Round) -> None:
        """Say what is known since a shape was raced."""
        rounds.append(done)
        if not command.output.quiet:
            complain("tune", line(done))

    with supervised(command.modules, command.limits) as supervisor:
        candidates, axes = tuning_range.candidates(command, catalog)
        for warning in tuning_range.unmet(command, catalog.op(command.op)):
            warn("tune", warning)
        folder = _open(command, begun, supervisor)
        request = _request(command, catalog, candidates, axes, folder)
        racer, watch = _Racer(command, catalog, folder, supervisor), Watch.begun()
        tuned = tune(request, command.goal, racer.race, report=report)
        for warning in watch.warnings(threads=racer.threads):
            warn("tune", warning)
    return request, tuned, rounds


def _open(command: TuneCommand, begun: RunInProgress, supervisor: Supervisor | None) -> RunFolder:
    """The folder of the run."""
    folder = command.resumed
    if folder is None:
        folder = create(command.new, supervisor)
    begun.folder = folder.path
    here = supervisor.environment() if supervisor else None
    for run in (folder, *command.earlier):
        resuming.ensure_same_environment(run, here)
    return folder


def _request(
    command: TuneCommand,
    catalog: Catalog,
    candidates: tuple[Candidate, ...],
    axes: CallAxes,
    folder: RunFolder,
) -> TuningRequest:
    """What is to be tuned."""
    from opbench.harness.pipeline.tuning_state import TuningRequest

    return TuningRequest(
        catalog=catalog,
        op=catalog.op(command.op),
        selection=tuning_range.selection(command, catalog),
        candidates=candidates,
        axes=axes,
        wishes=command.wishes,
        earlier=command.earlier,
        folder=folder,
        all_contenders=command.all_contenders,
    )


@dataclass(slots=True)
class _Racer:
    """Races cases into a run folder."""

    command: TuneCommand
    catalog: Catalog
    folder: RunFolder
    supervisor: Supervisor | None
    #: Whether contenders were checked on small cases.
    is_checked: bool = False
    #: The numbers of threads that were raced with.
    threads: set[int] = field(default_factory=set)

    def race(self, races: Sequence[Race], why: Why) -> Sequence[Record]:
        """Race, with less time where a contender is added; return the records."""
        from opbench.harness.pipeline.anchors import anchor
        from opbench.harness.pipeline.run import run
        from opbench.harness.timing.stopping import Policy

        command = self.command
        budget_s = command.added_budget_s if why == "missing" else command.budget_s
        if not self.is_checked:
            add_ceilings(self.folder, races, verb="tune")
            anchor(self.folder, races, budget_s=budget_s, supervisor=self.supervisor)
        self.threads |= {race.case.threads for race in races}
        records = run(
            self.catalog,
            races,
            self.folder,
            policy=Policy(rules=self.folder.info.rules, budget_s=budget_s),
            supervisor=self.supervisor,
            anew=[race.case for race in races] if why == "again" else (),
            spot_check=not self.is_checked,
        )
        self.is_checked = True
        return records


def _show(
    command: TuneCommand,
    catalog: Catalog,
    request: TuningRequest,
    tuned: Tuned,
    rounds: Sequence[Round],
) -> None:
    """Print the choice and how the tune ended, and write the table that was asked for."""
    from opbench.harness.cli import tune_text

    choice = _choice(command, request, tuned)
    chosen, environment = choose.choose(choice, catalog)
    if command.output.json:
        outcome = {"run": str(request.folder.path), **tune_text.document(tuned, rounds)}
        print_json({**outcome, "choices": choose.document(chosen)})
    else:
        for item in chosen:
            choose.draw_choices(item)
        for text in tune_text.endings(tuned, rounds, command.goal.until_regret):
            say(text, indent="  ")
        print(f"run: {request.folder.path}")
    if command.table is not None:
        choose.write_table(choice, catalog, chosen, environment)


def _choice(command: TuneCommand, request: TuningRequest, tuned: Tuned) -> ChoiceRequest:
    """What is chosen at the end: from all of the runs, in the situations that were tuned."""
    from opbench.harness.cli.filter import Filter
    from opbench.harness.pipeline.tuning_state import served

    taken = [c for c in request.candidates if c.text not in tuned.refused]
    return ChoiceRequest(
        runs=(*command.earlier, request.folder),
        selector=Filter((command.op,), ""),
        only=_fields([view.situation for view in tuned.views]),
        conditions=command.wishes.conditions,
        preferred=command.wishes.preferred,
        baseline=command.wishes.baseline,
        shapes=(),
        recorded=(),
        served=served(command.op, taken),
        table=command.table,
        emits=False,
        modules=command.modules,
        output=command.output,
    )


def _fields(situations: Sequence[Situation]) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """By field of a case, the values that some situations have."""
    names = ("dtype", "device", "direction", "inputs", "threads", "layout", "cache", "board")
    return tuple((name, tuple({getattr(item, name) for item in situations})) for name in names)
