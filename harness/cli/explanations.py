"""Print explanations: what is slower, by how much, the causes with their shares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from opbench.harness.cli.drawing import say

if TYPE_CHECKING:
    from opbench.results.records import Explanation

#: The width of a share and a time before the cause.
_INDENT = 17


def draw_explanations(explanations: Iterable[Explanation]) -> None:
    """Print several explanations for people, each with a blank line below it."""
    for explanation in explanations:
        draw_explanation(explanation)


def draw_explanation(explanation: Explanation) -> None:
    """Print an explanation for people."""
    from opbench.results.report.explanations import cause_lines, headline, notes

    say(headline(explanation), style="bold")
    for line in cause_lines(explanation):
        say(line, indent=" " * _INDENT)
    for note in notes(explanation):
        say(note, style="dim", indent="  ")
    say("")
