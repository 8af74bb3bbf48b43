"""`opbench explain`: why one contender is slower than another, or a version than its base.

The two are raced for the ratio, and observed in passes of their own; the causes are ranked by the
share of the difference that each accounts for. It is recorded as a run.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, options
from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.drawing import say
from opbench.harness.cli.exit_codes import Exit, of_outcomes
from opbench.harness.cli.option_types import duration, share
from opbench.harness.cli.output import plain, print_json, warn
from opbench.harness.cli.run_folder import create
from opbench.harness.cli.terminal import progress
from opbench.harness.cli.workers import supervised
from opbench.results.errors import RunFolderError, SelectionError

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.planning.selection import Race, Selection
    from opbench.harness.timing.stopping import Policy
    from opbench.results.records import EvidencePass, Explanation, Record
    from opbench.results.records.run_folder import RunFolder

HELP = "explain why one contender is slower than another: causes, with their shares"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_selection(parser)
    arguments.add_json(parser)
    arguments.add_quiet(parser)
    arguments.add_out(parser)
    arguments.add_limits(parser)
    add = parser.add_argument_group("the race, and the evidence").add_argument
    add("--budget", type=duration, default=1.5, metavar="TIME", help="of the race (default: 1.5s)")
    text = "times closer than this are no difference (default: 2%%)"
    add("--tie", type=share, default=0.02, metavar="P", help=text)
    text = "count instructions by callgrind, which takes minutes"
    add("--instructions", action="store_true", help=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is to be explained, and how it is shown."""

    selection: Selection
    modules: tuple[str, ...]
    policy: Policy
    passes: tuple[EvidencePass, ...]
    new: NewRun
    output: Output


def run(args: argparse.Namespace) -> Exit:
    """Explain the difference of two contenders, and print it."""
    from opbench.harness.pipeline.explain import explain
    from opbench.results.records import Explanation

    request = _request(args)
    limits = options.limits(args)
    with (
        progress(request.output) as observer,
        supervised(request.modules, limits) as supervisor,
    ):
        assert supervisor is not None
        catalog = load_catalog(request.modules)
        race = _race(catalog, request)
        observer.expect([race])
        with _folder(request, supervisor) as folder:
            result = explain(
                catalog,
                race,
                folder,
                supervisor=supervisor,
                observer=observer,
                policy=request.policy,
                passes=request.passes,
            )
    if isinstance(result, Explanation):
        return print_explanation(result, folder, request.output)
    return _print_refusals(result, request.output)


def _request(args: argparse.Namespace) -> _Request:
    """The request. Raises SelectionError where it isn't an op and two contenders."""
    from opbench.harness.pipeline.explain import PASSES
    from opbench.harness.timing.stopping import Policy
    from opbench.results.records import Rules

    selection = options.selection(args)
    op, *contenders = selection.names or ("",)
    contenders = contenders or list(selection.impls)
    if not op or len(contenders) != 2:
        raise SelectionError(
            "name an op and two of its contenders, as in: "
            "opbench explain patch_pooling einsum scatter_reduce"
        )
    rules = Rules(tie=args.tie, precision=max(args.tie, 0.01))
    passes = (*PASSES, "instructions") if args.instructions else PASSES
    return _Request(
        selection=replace(selection, names=(op,), impls=tuple(contenders)),
        modules=options.modules(args),
        policy=Policy(rules=rules, budget_s=args.budget),
        passes=passes,
        new=options.new_run(args),
        output=options.output(args),
    )


def _race(catalog: Catalog, request: _Request) -> Race:
    """The first case on which both meet. Raises SelectionError where they never do."""
    from opbench.harness.planning.cases import plan

    races = plan(catalog, request.selection)
    names = request.selection.impls
    both = [race for race in races if set(names) <= set(race.contenders)]
    if not both:
        raise SelectionError(f"{names[0]} and {names[1]} never run on the same case")
    if len(both) > 1:
        others = ", ".join(dict.fromkeys(race.case.shape for race in both[1:]))
        warn("explain", f"on {both[0].case.label}; other cases can be chosen with -k: {others}")
    return both[0].only(names)


@contextmanager
def _folder(request: _Request, supervisor: Supervisor) -> Iterator[RunFolder]:
    """The run that it is recorded in; one that is removed at the end where none can be made."""
    try:
        folder = create(request.new, supervisor)
        folder.ensure_writable()
    except RunFolderError as error:
        if request.new.id:
            raise
        warn("explain", f"not recorded: {error}")
        with tempfile.TemporaryDirectory() as place:
            yield create(replace(request.new, out=Path(place)), supervisor)
        return
    yield folder


def print_explanation(explanation: Explanation, folder: RunFolder, output: Output) -> Exit:
    """Print an explanation, and return the exit code that says whether there is one."""
    if output.json:
        print_json({"run": str(folder.path), "explanation": plain(explanation)})
    else:
        draw_explanation(explanation)
        if folder.path.exists():
            print(f"run: {folder.path}")
    return Exit.INCONCLUSIVE if explanation.difference == "undecided" else Exit.OK


def draw_explanation(explanation: Explanation) -> None:
    """Print an explanation for people."""
    from opbench.results.report.explanations import cause_lines, headline, notes

    say(headline(explanation), style="bold")
    for line in cause_lines(explanation):
        say(line, indent=" " * 17)
    for note in notes(explanation):
        say(note, style="dim", indent="  ")
    say("")


def _print_refusals(records: Sequence[Record], output: Output) -> Exit:
    """Print why contenders couldn't be timed."""
    from opbench.results.records import Measured

    refused = [record for record in records if not isinstance(record.outcome, Measured)]
    if output.json:
        print_json({"explanation": None, "refused": [plain(record) for record in refused]})
    else:
        for record in refused:
            assert not isinstance(record.outcome, Measured)
            print(f"{record.contender}: {record.outcome.reason}")
    return of_outcomes(record.outcome for record in refused)
