"""`opbench check`: contenders against the oracle and each other."""

from __future__ import annotations

import argparse

from opbench.harness.cli import arguments, options
from opbench.harness.cli.catalogue import ensure_shapes, load_catalog
from opbench.harness.cli.drawing import draw
from opbench.harness.cli.exit_codes import Exit, of_outcomes, worst
from opbench.harness.cli.option_types import jobs
from opbench.harness.cli.output import complain, plain, print_json
from opbench.harness.cli.terminal import progress
from opbench.harness.cli.workers import supervisors
from opbench.harness.system.cores import usable_cores
from opbench.results.errors import SelectionError

HELP = "check contenders against the oracle and each other"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_selection(parser)
    arguments.add_json(parser)
    arguments.add_quiet(parser)
    arguments.add_isolation(parser)
    parser.add_argument(
        "--jobs",
        type=jobs,
        default=usable_cores(),
        metavar="N",
        help="processes that check side by side (default: one for every core)",
    )
    parser.add_argument("--pairs", action="store_true", help="print how far contenders differ")
    parser.add_argument(
        "--reproduce",
        action="store_true",
        help="print, for each contender that is wrong, a program that shows it without opbench",
    )


def run(args: argparse.Namespace) -> Exit:
    """Check the selected contenders and print the verdicts."""
    from opbench.harness.cli.check_report import problems, tables
    from opbench.harness.cli.reproductions import reproductions
    from opbench.harness.pipeline.check import check
    from opbench.harness.planning.cases import plan_checks

    modules, output = options.modules(args), options.output(args)
    if args.reproduce and output.json:
        raise SelectionError(
            "--reproduce prints programs, for which --json has no place: leave one"
        )
    limits = options.isolation(args, workers=args.jobs)
    with (
        progress(output) as observer,
        supervisors(modules, limits, number=args.jobs) as started,
    ):
        catalog, selection = load_catalog(modules), options.selection(args)
        races = plan_checks(catalog, selection)
        ensure_shapes(catalog, selection, races)
        observer.expect(races)
        report = check(catalog, races, supervisors=started, observer=observer)
    if output.json:
        print_json([plain(checked) for checked in report.checked])
    else:
        draw(tables(report, pairs=args.pairs))
        print(*problems(report.checked), sep="\n")
    if args.reproduce:
        for text in reproductions(modules, report.checked, limits):
            print(f"\n{text}", end="")
    for fault in report.faults:
        complain("check", fault)
    code = of_outcomes(c.verdict for c in report.checked if not c.admitted)
    return worst((code, Exit.USAGE)) if report.faults else code
