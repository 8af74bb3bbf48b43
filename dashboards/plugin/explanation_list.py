"""The explanations of a profiled contender: why it is slower than another, or the other than it.

An explanation is recorded in a run of its own, so those of all runs are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opbench.dashboards.plugin.answers import finite
from opbench.dashboards.plugin.choices import runs_with
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.profile_list import KnownProfile
from opbench.dashboards.plugin.selection import selected_runs
from opbench.results.records import Evidence, Explanation
from opbench.results.report.explanations import TITLES, headline, notes

#: So many of a profile are shown, the latest first.
_MOST = 12


@dataclass(frozen=True, slots=True)
class KnownExplanation:
    """An explanation that concerns a profile."""

    explanation: Explanation
    #: The contender that isn't the profile's.
    other: Evidence

    def fields(self) -> dict[str, Any]:
        """The explanation for a page, without its evidence."""
        mine = self.explanation
        return {
            "other": {"contender": self.other.contender, "side": self.other.side},
            "headline": headline(mine),
            "causes": [
                {
                    "title": TITLES[cause.kind],
                    "share": finite(cause.share),
                    "seconds": finite(cause.seconds),
                    "evidence": cause.evidence[:600],
                }
                for cause in mine.causes
            ],
            "unexplained": finite(mine.unexplained) if mine.difference == "slower" else None,
            "notes": [note[:300] for note in notes(mine)],
        }


def explanations_of(log: LogFolder, known: KnownProfile) -> tuple[KnownExplanation, ...]:
    """The explanations of a profile's contender on its case, the latest first."""
    profile, found = known.profile, []
    for explanation in _recorded(log):
        if explanation.case != profile.case:
            continue
        slower, faster = explanation.slower, explanation.faster
        for mine, other in ((slower, faster), (faster, slower)):
            if (mine.contender, mine.side) == (profile.contender, profile.side):
                found.append(KnownExplanation(explanation, other))
    return tuple(found[:_MOST])


def _recorded(log: LogFolder) -> Iterator[Explanation]:
    """The explanations of all runs, those of the latest run first."""
    names = runs_with(log, Explanation.__name__)
    runs = list(selected_runs(log, names)) if names["run"] else []
    for run in reversed(runs):
        yield from run.explanations()
