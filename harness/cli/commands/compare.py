"""`opbench compare`: two recorded runs, as far as times of different hours can be compared."""

from __future__ import annotations

import argparse

from opbench.harness.cli import arguments, options
from opbench.harness.cli.exit_codes import Exit, of_comparison
from opbench.harness.cli.gate_output import gate_columns, print_comparison
from opbench.results.errors import SelectionError

HELP = "compare two recorded runs, as far as that can be done"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add = parser.add_argument
    add("base", metavar="BASE", help="the folder of the run before the change")
    add("head", metavar="HEAD", help="and of that after it")
    arguments.add_filter(parser)
    arguments.add_min_slowdown(parser)
    arguments.add_json(parser)
    arguments.add_columns(parser)


def run(args: argparse.Namespace) -> Exit:
    """Compare each contender that both runs have, and print the findings."""
    from opbench.results.records import GateRules
    from opbench.results.regression.two_runs import compare
    from opbench.results.store.opening import open_run

    rules = GateRules(min_slowdown=args.min_slowdown)
    selector, output = options.recorded_filter(args), options.output(args)
    columns = options.columns(args)
    columns.ensure_known(gate_columns())
    base, head = open_run(args.base), open_run(args.head)
    if base.path.resolve() == head.path.resolve():
        raise SelectionError(f"{args.base} and {args.head} are the same run: give two")
    selector.ensure_recorded(base, head)
    comparison = compare(base, head, rules).only(
        lambda case, name: selector.has_op(case) and selector.has_contender(case, name)
    )
    print_comparison(comparison, columns, as_json=output.json)
    return of_comparison(comparison, selector.names)
