"""`opbench list`: what there is to race, as tables or as pages."""

from __future__ import annotations

import argparse
from pathlib import Path

from opbench.harness.cli import arguments, options
from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.drawing import draw
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.output import print_json
from opbench.harness.cli.parsing import listed
from opbench.harness.system.lazy_import import import_lazily
from opbench.results.errors import SelectionError

HELP = "list ops, contenders, cases or suites"
_LISTED = ("ops", "impls", "cases", "suites")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("what", nargs="?", choices=_LISTED, default="ops", help="default: ops")
    arguments.add_selection(parser)
    arguments.add_json(parser)
    arguments.add_columns(parser)
    text = "write a page for every suite into this folder instead"
    parser.add_argument("--markdown", metavar="DIR", help=text)


def run(args: argparse.Namespace) -> Exit:
    """Print a list, or write the pages of the suites."""
    from opbench.harness.cli.listing import LISTS

    import_lazily("torch")
    catalog = load_catalog(options.modules(args))
    if args.markdown:
        from opbench.harness.cli.catalogue_pages import write_pages

        if ignored := args.given - {"markdown", "what", "names", "load"}:
            raise SelectionError(f"{listed(ignored)} would say nothing to --markdown: leave it out")

        for path in write_pages(catalog, options.selection(args).names, Path(args.markdown)):
            print(f"wrote {path}")
        return Exit.OK
    columns, rows = LISTS[args.what](catalog, options.selection(args))
    chosen = options.columns(args)
    chosen.ensure_known(columns)
    if args.json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        from opbench.results.report.table import Table

        draw([Table(args.what, columns, tuple(rows))], chosen)
    return Exit.OK
