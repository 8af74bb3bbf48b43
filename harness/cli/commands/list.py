"""`opbench list`: what there is to race, as tables or as pages."""

from __future__ import annotations

import argparse
from pathlib import Path

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.parsing import listed
from opbench.harness.cli.terminal import draw
from opbench.harness.system.lazy_import import import_lazily
from opbench.results.errors import SelectionError

HELP = "list ops, contenders, cases or suites"
_LISTED = ("ops", "impls", "cases", "suites")


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    verb.add_argument("what", nargs="?", choices=_LISTED, default="ops", help="default: ops")
    options.add_selection(verb)
    options.add_json(verb)
    verb.add_argument(
        "--markdown", metavar="DIR", help="write a page for every suite into this folder instead"
    )


def main(words: argparse.Namespace) -> Exit:
    """Print what was asked for, or write the pages of the suites."""
    from opbench.harness.cli.listing import LISTS

    import_lazily("torch")
    catalog = common.load(words)
    if words.markdown:
        from opbench.harness.cli.catalogue_pages import write_pages

        if ignored := words.given - {"markdown", "what", "names", "load"}:
            raise SelectionError(f"{listed(ignored)} would say nothing to --markdown: leave it out")

        for path in write_pages(catalog, options.selection(words).names, Path(words.markdown)):
            print(f"wrote {path}")
        return Exit.OK
    columns, rows = LISTS[words.what](catalog, options.selection(words))
    if words.json:
        common.print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        from opbench.results.report.table import Table

        draw([Table(words.what, columns, tuple(rows))])
    return Exit.OK
