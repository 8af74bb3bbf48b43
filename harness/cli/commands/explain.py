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
from opbench.harness.cli.exit_codes import Exit, of_outcomes
from opbench.harness.cli.explanations import draw_explanation
from opbench.harness.cli.option_types import duration, share
from opbench.harness.cli.output import plain, print_json, warn
from opbench.harness.cli.run_folder import add_ceilings, create_in
from opbench.harness.cli.terminal import progress
from opbench.harness.cli.workers import supervised
from opbench.harness.system.lazy_import import import_lazily
from opbench.harness.versions.worktrees import HERE
from opbench.results.errors import RunFolderError, SelectionError

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.cli.output import Output
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.execution.process import Limits
    from opbench.harness.planning.selection import Race, Selection
    from opbench.harness.regression.setup import ComparisonRequest
    from opbench.harness.timing.stopping import Policy
    from opbench.results.records import (
        Environment,
        EvidencePass,
        Explanation,
        Record,
        Uncompared,
    )
    from opbench.results.records.run_folder import RunFolder

#: What to name, by the number of contenders.
_USAGE = {
    1: "name an op and one of its contenders, as in: "
    "opbench explain patch_pooling einsum --base main",
    2: "name an op and two of its contenders, as in: "
    "opbench explain patch_pooling einsum scatter_reduce",
}
HELP = "explain why one contender is slower than another: causes, with their shares"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_selection(parser)
    arguments.add_json(parser)
    arguments.add_quiet(parser)
    arguments.add_out(parser)
    arguments.add_versions(parser, required=False)
    arguments.add_limits(parser)
    add = parser.add_argument_group("the race, and the evidence").add_argument
    add(
        "--budget",
        type=duration,
        default=5.0,
        metavar="TIME",
        help="of the race, at most (default: 5s)",
    )
    text = "times closer than this are no difference (default: 2%%)"
    add("--tie", type=share, default=0.02, metavar="P", help=text)
    text = "count instructions by callgrind, which takes minutes"
    add("--instructions", action="store_true", help=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is to be explained, and how it is shown."""

    #: The op and the contenders: two of them, or the one of two versions.
    selection: Selection
    modules: tuple[str, ...]
    limits: Limits
    #: Of the race.
    policy: Policy
    passes: tuple[EvidencePass, ...]
    new: NewRun
    output: Output


def run(args: argparse.Namespace) -> Exit:
    """Explain the difference of two contenders, or of two versions of one, and print it."""
    if args.base or args.base_python:
        comparison = options.comparison_request(args, method="auto")
        request = _request(args, contenders=1)
        return _explain_versions(request, replace(comparison, selection=request.selection))
    if args.head != HERE or args.build:
        raise SelectionError("--head and --build are of two versions: say with --base which other")
    return _explain_contenders(_request(args, contenders=2))


def _explain_contenders(request: _Request) -> Exit:
    """Explain the difference of two contenders, and print it."""
    from opbench.harness.pipeline.explain import explain
    from opbench.results.records import Explanation

    with (
        progress(request.output) as observer,
        supervised(request.modules, request.limits) as supervisor,
    ):
        assert supervisor is not None
        catalog = load_catalog(request.modules)
        race = _chosen(_planned(catalog, request), request)
        observer.expect([race])
        with _folder(request, supervisor.environment()) as folder:
            add_ceilings(folder, [race], verb="explain")
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
        return _print(result, folder, request.output)
    return _print_refusals(result, request.output)


def _explain_versions(request: _Request, comparison: ComparisonRequest) -> Exit:
    """Explain the difference of two versions of a contender, and print it."""
    from opbench.harness.regression.explain import explain_versions
    from opbench.harness.regression.setup import set_up
    from opbench.results.records import Explanation

    import_lazily("torch")
    limits = replace(request.limits, memory=(request.limits.memory or 0) // 2 or None)
    with progress(request.output) as observer, set_up(comparison, limits) as setup:
        for warning in setup.warnings:
            warn("explain", warning)
        race = _chosen(setup.plan.races, request)
        observer.expect([race])
        with _folder(request, setup.head.environment) as folder:
            result = explain_versions(
                setup,
                race,
                folder,
                policy=replace(request.policy, warmup_calls=1),
                passes=request.passes,
                observer=observer,
            )
    if isinstance(result, Explanation):
        return _print(result, folder, request.output)
    return _print_uncompared(result, request.output)


def _request(args: argparse.Namespace, *, contenders: int) -> _Request:
    """The request. Raises SelectionError where it isn't an op and so many contenders."""
    from opbench.harness.pipeline.explain import PASSES, POLICY

    selection = options.selection(args)
    op, *names = selection.names or ("",)
    names = names or list(selection.impls)
    if not op or len(names) != contenders:
        raise SelectionError(_USAGE[contenders])
    rules = replace(POLICY.rules, tie=args.tie)
    return _Request(
        selection=replace(selection, names=(op,), impls=tuple(names)),
        modules=options.modules(args),
        limits=options.limits(args),
        policy=replace(POLICY, rules=rules, budget_s=args.budget),
        passes=(*PASSES, "instructions") if args.instructions else PASSES,
        new=options.new_run(args),
        output=options.output(args),
    )


def _planned(catalog: Catalog, request: _Request) -> Sequence[Race]:
    """The cases of the op on which its contenders run."""
    from opbench.harness.planning.cases import plan

    return plan(catalog, request.selection)


def _chosen(races: Sequence[Race], request: _Request) -> Race:
    """The first case that all contenders meet on. Raises SelectionError where they never do."""
    names = request.selection.impls
    both = [race for race in races if set(names) <= set(race.contenders)]
    if not both:
        raise SelectionError(f"{' and '.join(names)} never run on the same case, or not in both")
    if len(both) > 1:
        others = ", ".join(dict.fromkeys(race.case.shape for race in both[1:]))
        warn("explain", f"on {both[0].case.label}; other cases can be chosen with -k: {others}")
    return both[0].only(names)


@contextmanager
def _folder(request: _Request, environment: Environment) -> Iterator[RunFolder]:
    """The run that it is recorded in; one that is removed at the end where none can be made."""
    try:
        folder = create_in(request.new, environment)
        folder.ensure_writable()
    except RunFolderError as error:
        if request.new.id:
            raise
        warn("explain", f"not recorded: {error}")
        with tempfile.TemporaryDirectory() as place:
            yield create_in(replace(request.new, out=Path(place)), environment)
        return
    yield folder


def _print(explanation: Explanation, folder: RunFolder, output: Output) -> Exit:
    """Print an explanation, and return the exit code that says whether there is one."""
    is_kept = folder.path.exists()
    if output.json:
        path = str(folder.path) if is_kept else None
        print_json({"run": path, "explanation": plain(explanation)})
    else:
        draw_explanation(explanation)
        if is_kept:
            print(f"run: {folder.path}")
    return Exit.INCONCLUSIVE if explanation.difference == "undecided" else Exit.OK


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


def _print_uncompared(refused: Uncompared, output: Output) -> Exit:
    """Print why a contender couldn't be timed in both versions."""
    from opbench.results.report.findings import reason_of

    if output.json:
        print_json({"explanation": None, "refused": [plain(refused)]})
    else:
        print(f"{refused.contender}: {reason_of(refused)}")
    return of_outcomes(o for o in (refused.outcome.base, refused.outcome.head) if o)
