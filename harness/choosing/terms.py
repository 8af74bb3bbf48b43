"""By what to choose for a situation, from what was asked for and what the op's declaration says."""

from __future__ import annotations

from dataclasses import replace

from opbench.harness.catalog import Catalog
from opbench.harness.choosing.call_axes import CallAxes
from opbench.harness.choosing.provenance import barred, runs_on_all_calls
from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Terms
from opbench.results.choosing.gather import Races
from opbench.results.choosing.wishes import Wishes, terms_of


def terms_for(
    races: Races, wishes: Wishes, catalog: Catalog, axes: CallAxes | None
) -> tuple[Conditions, Terms]:
    """By what to choose for a situation that has a row.

    axes: as a call shows them; None where the op isn't declared here, and its records alone say
    what may be chosen.
    """
    name = races.situation.op
    terms = terms_of(races, wishes, axes.reads if axes else None)
    if axes is None:
        return wishes.conditions, terms
    op, impls = catalog.op(name), catalog.impls[name]
    reliable = frozenset(n for n, contender in impls.items() if runs_on_all_calls(op, contender))
    reasons = barred(impls, races.records)
    return replace(wishes.conditions, barred=reasons), replace(terms, reliable=reliable)
