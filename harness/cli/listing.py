"""What there is: ops, contenders, cases and suites, as columns and rows."""

from __future__ import annotations

from dataclasses import replace

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.origins import home_of
from opbench.harness.declare import Impl, Op
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Selection, selected_ops

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
        for op in _ops_asked(catalog, selection)
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
        for op in _ops_asked(catalog, selection)
        for contender in _contenders_asked(catalog, selection, op)
    ]


def _cases(catalog: Catalog, selection: Selection) -> Listing:
    return ("op", "case", "axes", "contenders"), [
        (race.case.op, race.case.label, race.case.sizes, str(len(race.contenders)))
        for race in plan(catalog, selection)
    ]


def _suites(catalog: Catalog, selection: Selection) -> Listing:
    asked = {op.name for op in _ops_asked(catalog, selection)}
    return ("suite", "ops"), [
        (name, ", ".join(op for op in ops if op in asked))
        for name, ops in catalog.suites.items()
        if asked & set(ops)
    ]


def _ops_asked(catalog: Catalog, selection: Selection) -> tuple[Op, ...]:
    """Those that are named, of which only those with a case that is selected."""
    named = selected_ops(catalog, selection.names)
    if _is_whole(selection):
        return named
    raced = {race.case.op for race in plan(catalog, selection)}
    return tuple(op for op in named if op.name in raced)


def _contenders_asked(catalog: Catalog, selection: Selection, op: Op) -> tuple[Impl, ...]:
    """Those of an op, of which only those that are selected on a case."""
    known = tuple(catalog.impls[op.name].values())
    if _is_whole(selection):
        return known
    asked = replace(selection, names=(op.name,))
    raced = {name for race in plan(catalog, asked) for name in race.contenders}
    return tuple(contender for contender in known if contender.name in raced)


def _is_whole(selection: Selection) -> bool:
    """Whether nothing but ops is asked for: one without a contender is then listed too."""
    return selection == Selection(names=selection.names)


LISTS = {"ops": _ops, "impls": _impls, "cases": _cases, "suites": _suites}
