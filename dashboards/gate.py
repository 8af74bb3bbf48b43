"""A gate's pages: what it found as text, and the ratios with their intervals as a picture."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.events import Entry, text
from dashboards.forest import forest
from dashboards.pictures import as_picture
from results.formats.markdown import escape, render
from results.gate_report import Report
from results.gate_text import headline, tables

RUN = "gate"


def entries(report: Report) -> Iterator[Entry]:
    """The text and the picture of a gate; no picture where nothing was compared."""
    lines = (f"{escape(line)}\n" for line in headline(report).splitlines())
    yield text(RUN, "gate/summary", "\n".join((*lines, *map(render, tables(report)))))
    if report.findings:
        yield as_picture(RUN, "gate/head against base", forest(report))
