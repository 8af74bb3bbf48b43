"""By what to choose for a situation, from what was asked for and what the op's declaration says."""

from __future__ import annotations

from dataclasses import replace

from opbench.harness.catalog import Catalog
from opbench.harness.choosing.call_axes import CallAxes
from opbench.harness.choosing.provenance import barred, runs_on_all_calls
from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Terms
from opbench.results.choosing.gather import Races
from opbench.results.choosing.served import weights_of
from opbench.results.choosing.wishes import Wishes


def terms_for(
    races: Races, wishes: Wishes, catalog: Catalog, axes: CallAxes | None
) -> tuple[Conditions, Terms]:
    """By what to choose for a situation that has a row.

    axes: as a call shows them; None where the op isn't declared here, and its records alone say
    what may be chosen.
    """
    name, rows = races.situation.op, tuple(races.rows.values())
    terms = Terms(
        axes=tuple(axis for axis in rows[0].axes if axes is None or axis in axes.reads),
        preferred=wishes.preferred,
        weights=weights_of(rows, name, wishes.served),
        baseline=wishes.baseline,
    )
    if axes is None:
        return wishes.conditions, terms
    op, impls = catalog.op(name), catalog.impls[name]
    reliable = frozenset(n for n, contender in impls.items() if runs_on_all_calls(op, contender))
    reasons = barred(impls, races.records)
    return replace(wishes.conditions, barred=reasons), replace(terms, reliable=reliable)
