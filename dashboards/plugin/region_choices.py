"""What `opbench choose` says of a run: by its own code and defaults, from the records alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opbench.dashboards.plugin.read_run import ReadRun
from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Choice
from opbench.results.choosing.gather import Races, choose_for, gather
from opbench.results.choosing.situations import Situation
from opbench.results.choosing.wishes import Wishes, terms_of
from opbench.results.errors import NothingRecordedError

_WISHES = Wishes(conditions=Conditions())


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is chosen in a situation."""

    #: None where no contender may be.
    choice: Choice | None
    #: Why none may be; "" where one may.
    reason: str = ""


def choices_for(run: ReadRun, op: str) -> Mapping[Situation, Chosen]:
    """The choices for the situations of an op that has a race in the run, in their order.

    Any axis may be split by, as for an op that isn't declared: the plugin knows no catalogue.
    """
    races, _ = gather([run], lambda case: case.op == op)
    return {one.situation: _chosen(one) for one in races}


def _chosen(races: Races) -> Chosen:
    """The choice for a situation."""
    try:
        return Chosen(choose_for(races, _WISHES.conditions, terms_of(races, _WISHES)))
    except NothingRecordedError as error:
        return Chosen(None, str(error))
