"""Print a gate's report, for people or for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench.harness.cli.output import plain, print_json
from opbench.harness.cli.terminal import draw

if TYPE_CHECKING:
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.regression.report import Report


def print_gate(folder: RunFolder, report: Report, *, as_json: bool) -> None:
    """Print the findings of a gate, for people or for programs."""
    from opbench.results.report.gate import commands, headline, tables

    if not as_json:
        draw(tables(report))
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
