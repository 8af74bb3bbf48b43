"""What people ask of a choice, whatever the situation is that it is made for."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Terms
from opbench.results.choosing.gather import Races
from opbench.results.choosing.served import Served, weights_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What people ask of a choice."""

    conditions: Conditions
    #: Of several that lose as little, these run first.
    preferred: tuple[str, ...] = ()
    #: The contender that people use without choosing; "" for none.
    baseline: str = ""
    #: The shapes that weigh the measured ones; these count alike where there is none.
    served: tuple[Served, ...] = ()


def terms_of(races: Races, wishes: Wishes, shown: Container[str] | None = None) -> Terms:
    """By what to choose for a situation that has a row, as far as its records tell.

    shown: the axes that a call shows; None where that isn't known, and any may be split by.
    """
    rows = tuple(races.rows.values())
    return Terms(
        axes=tuple(axis for axis in rows[0].axes if shown is None or axis in shown),
        preferred=wishes.preferred,
        weights=weights_of(rows, races.situation.op, wishes.served),
        baseline=wishes.baseline,
    )
