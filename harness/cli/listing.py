"""Lists of ops, contenders, cases and suites, as columns and rows."""

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
    """The selected ops, with their suite, boards, inputs and contract."""
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
        for op in _selected_ops(catalog, selection)
    ]


def _impls(catalog: Catalog, selection: Selection) -> Listing:
    """The selected contenders, with where they are declared and what they require."""
    return ("op", "contender", "declared in", "requires", "caveats"), [
        (
            op.name,
            contender.name,
            home_of(contender.module),
            ", ".join(contender.requires),
            "; ".join(f"{kind}: {caveat.text}" for kind, caveat in contender.caveats.items()),
        )
        for op in _selected_ops(catalog, selection)
        for contender in _selected_contenders(catalog, selection, op)
    ]


def _cases(catalog: Catalog, selection: Selection) -> Listing:
    """The selected cases, with the number of contenders that meet on each."""
    return ("op", "case", "axes", "contenders"), [
        (race.case.op, race.case.label, race.case.sizes, str(len(race.contenders)))
        for race in plan(catalog, selection)
    ]


def _suites(catalog: Catalog, selection: Selection) -> Listing:
    """The suites of the selected ops."""
    selected = {op.name for op in _selected_ops(catalog, selection)}
    names = {suite: [op for op in ops if op in selected] for suite, ops in catalog.suites.items()}
    return ("suite", "ops"), [(suite, ", ".join(ops)) for suite, ops in names.items() if ops]


def _selected_ops(catalog: Catalog, selection: Selection) -> tuple[Op, ...]:
    """The named ops; of these only those with a selected case."""
    named = selected_ops(catalog, selection.names)
    if _is_whole(selection):
        return named
    raced = {race.case.op for race in plan(catalog, selection)}
    return tuple(op for op in named if op.name in raced)


def _selected_contenders(catalog: Catalog, selection: Selection, op: Op) -> tuple[Impl, ...]:
    """The contenders of an op; of these only those selected on a case."""
    known = tuple(catalog.impls[op.name].values())
    if _is_whole(selection):
        return known
    of_op = replace(selection, names=(op.name,))
    raced = {name for race in plan(catalog, of_op) for name in race.contenders}
    return tuple(contender for contender in known if contender.name in raced)


def _is_whole(selection: Selection) -> bool:
    """Whether nothing but ops is selected: ops without a contender are then listed too."""
    return selection == Selection(names=selection.names)


LISTS = {"ops": _ops, "impls": _impls, "cases": _cases, "suites": _suites}
