"""Print a gate's report or a comparison of two runs, for people or for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench.harness.cli.drawing import ColumnChoice, draw
from opbench.harness.cli.layout import BAR
from opbench.harness.cli.output import plain, print_json

if TYPE_CHECKING:
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.regression.report import Report
    from opbench.results.regression.two_runs import Comparison


def gate_columns() -> tuple[str, ...]:
    """The columns that the tables of a comparison may have."""
    from opbench.results.report.findings import COLUMNS, UNCOMPARED
    from opbench.results.report.two_runs import MORE_COLUMNS

    return tuple(dict.fromkeys((*COLUMNS, BAR, *UNCOMPARED, *MORE_COLUMNS)))


def print_gate(folder: RunFolder, report: Report, columns: ColumnChoice, *, as_json: bool) -> None:
    """Print the findings of a gate, for people or for programs."""
    from opbench.results.report.gate import commands, headline, tables

    if not as_json:
        draw(tables(report), columns)
        print(headline(report))
        print(f"run: {folder.path}")
        return
    print_json(
        {
            "run": str(folder.path),
            "gate": plain(report.gate),
            "void": report.is_void,
            "findings": [plain(finding) for finding in report.findings],
            "uncompared": [plain(item) for item in report.uncompared],
            "nulls": [plain(finding) for finding in report.controls],
            "look": list(commands(report)),
        }
    )


def print_comparison(comparison: Comparison, columns: ColumnChoice, *, as_json: bool) -> None:
    """Print a comparison of two runs, for people or for programs."""
    from opbench.results.report.two_runs import headline, tables

    if as_json:
        print_json(plain(comparison))
        return
    draw(tables(comparison), columns)
    print(headline(comparison))
