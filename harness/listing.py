"""What there is: ops, contenders, cases and suites, as columns and rows."""

from __future__ import annotations

from harness.catalog import Catalog
from harness.places import home_of
from harness.planning import Selection, plan, selected_ops

#: The names of the columns, and the rows.
Listing = tuple[tuple[str, ...], list[tuple[str, ...]]]


def _ops(catalog: Catalog, selection: Selection) -> Listing:
    homes = {op: suite for suite, members in catalog.suites.items() for op in members}
    return ("op", "suite", "boards", "contenders", "inputs", "contract"), [
        (
            op.name,
            homes[op.name],
            ", ".join(op.boards),
            str(len(catalog.impls[op.name])),
            ", ".join(op.inputs),
            op.doc.partition("\n\n")[0].replace("\n", " "),
        )
        for op in selected_ops(catalog, selection.names)
    ]


def _impls(catalog: Catalog, selection: Selection) -> Listing:
    return ("op", "contender", "declared in", "requires", "caveats"), [
        (
            op.name,
            contender.name,
            home_of(contender.module),
            ", ".join(contender.requires),
            "; ".join(f"{kind}: {caveat.text}" for kind, caveat in contender.caveats.items()),
        )
        for op in selected_ops(catalog, selection.names)
        for contender in catalog.impls[op.name].values()
    ]


def _cases(catalog: Catalog, selection: Selection) -> Listing:
    return ("op", "case", "axes", "contenders"), [
        (race.case.op, race.case.label, race.case.sizes, str(len(race.contenders)))
        for race in plan(catalog, selection)
    ]


def _suites(catalog: Catalog, selection: Selection) -> Listing:
    return ("suite", "ops"), [(name, ", ".join(ops)) for name, ops in catalog.suites.items()]


LISTS = {"ops": _ops, "impls": _impls, "cases": _cases, "suites": _suites}
