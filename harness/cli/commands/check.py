"""`opbench check`: contenders against the oracle and each other."""

from __future__ import annotations

import argparse
import sys

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit, of_outcomes, worst
from opbench.harness.cli.option_types import jobs
from opbench.harness.cli.terminal import draw, progress
from opbench.harness.system.cores import usable_cores

HELP = "check contenders against the oracle and each other"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_selection(verb)
    options.add_json(verb)
    options.add_quiet(verb)
    options.add_isolation(verb)
    verb.add_argument(
        "--jobs",
        type=jobs,
        default=usable_cores(),
        metavar="N",
        help="processes that check side by side (default: one for every core)",
    )
    verb.add_argument("--pairs", action="store_true", help="print how far contenders differ")


def main(words: argparse.Namespace) -> Exit:
    """Check the selected contenders and print the verdicts."""
    from opbench.harness.cli.check_report import problems, tables
    from opbench.harness.pipeline.check import check
    from opbench.harness.planning.cases import plan_checks

    with progress(words) as observer, common.supervisors(words, words.jobs) as supervisors:
        catalog = common.load(words)
        races = plan_checks(catalog, options.selection(words))
        observer.expect(races)
        report = check(catalog, races, supervisors=supervisors, observer=observer)
    if words.json:
        common.print_json([common.plain(checked) for checked in report.checked])
    else:
        draw(tables(report, pairs=words.pairs))
        print(*problems(report.checked), sep="\n")
    for fault in report.faults:
        print(f"opbench check: {fault}", file=sys.stderr)
    code = of_outcomes(c.verdict for c in report.checked if not c.admitted)
    return worst((code, Exit.USAGE)) if report.faults else code
