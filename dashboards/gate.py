"""A gate's pages: its report as text, and the ratios with their intervals as a picture."""

from __future__ import annotations

from collections.abc import Iterator

from opbench.dashboards.events import PAGES, Entry, text
from opbench.dashboards.forest import forest
from opbench.dashboards.pictures import as_picture
from opbench.results.regression.report import Report
from opbench.results.report.gate import headline, tables
from opbench.results.report.markdown import escape, render


def entries(report: Report) -> Iterator[Entry]:
    """The text and the picture of a gate; no picture where nothing was compared."""
    lines = (f"{escape(line)}\n" for line in headline(report).splitlines())
    yield text(PAGES, "gate/summary", "\n".join((*lines, *map(render, tables(report)))))
    if report.findings:
        yield as_picture(PAGES, "gate/head against base", forest(report))
