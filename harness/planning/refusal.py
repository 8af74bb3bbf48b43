"""Why a selection is empty, told by what was asked for and what there is."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.fields import BOARDS
from opbench.harness.declaration.suggestions import near
from opbench.harness.declare import Op
from opbench.results.records import Case

if TYPE_CHECKING:
    from opbench.harness.planning.selection import Selection


def why_nothing(
    catalog: Catalog, ops: Sequence[Op], selection: Selection, cases: Sequence[Case]
) -> str:
    """Why no contender of the ops is selected, as far as can be told.

    cases: those of the ops, whatever they are called and whoever would run on them.
    """
    if not any(catalog.impls[op.name] for op in ops):
        return "; ".join(map(without_contender, ops))
    contenders = {name for op in ops for name in catalog.impls[op.name]}
    known = {text.lower() for text in (*contenders, *(case.key for case in cases))}
    words = contenders | {word for case in cases for word in (case.op, case.shape, case.inputs)}
    strange = (name for name in _words(selection.expression) if not any(name in k for k in known))
    return (
        f"the selection is empty: no contender of the chosen ops matches {_asked(selection)}"
        + "".join(f"; nothing is called {name!r}{near(name, words)}" for name in strange)
    )


def without_contender(op: Op) -> str:
    """That nobody races on an op, and what to do."""
    return f"{op.name} has no contender: tag a function with @impl({op.name!r})"


def _asked(selection: Selection) -> str:
    """The options that say something else than they usually do."""
    asked = (
        ("-k", repr(selection.expression) if selection.expression else ""),
        ("--impl", ",".join(selection.impls)),
        ("--board", ",".join(selection.boards) if selection.boards != BOARDS else ""),
        ("--dtype", ",".join(selection.dtypes)),
        ("--inputs", ",".join(selection.inputs)),
        ("--pass", ",".join(selection.directions) if selection.directions != ("forward",) else ""),
        ("--grid", selection.grid if selection.grid != "quick" else ""),
    )
    return " ".join(f"{word} {value}" for word, value in asked if value) or "it"


def _words(expression: str) -> list[str]:
    """The names that an expression is made of, in lower case."""
    if not expression:
        return []
    nodes = ast.walk(ast.parse(expression.strip(), mode="eval"))
    return [node.id.lower() for node in nodes if isinstance(node, ast.Name)]
