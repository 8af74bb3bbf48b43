"""Explain why a selection is empty, by the options that were given and the names there are.

A selection may be empty for many reasons at once. The message repeats the options that narrow it,
and names the words of the expression that occur nowhere, with the nearest that do.
"""

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
    """The reason, as far as it can be found, for which no contender of the ops is selected.

    cases: all cases of the ops, whatever contenders run on them.
    """
    if not any(catalog.impls[op.name] for op in ops):
        return "; ".join(map(without_contender, ops))
    contenders = {name for op in ops for name in catalog.impls[op.name]}
    known = {text.lower() for text in (*contenders, *(case.key for case in cases))}
    names = contenders | {word for case in cases for word in (case.op, case.shape, case.inputs)}
    unknown = (name for name in _words(selection.expression) if not any(name in k for k in known))
    return (
        f"the selection is empty: no contender of the chosen ops matches {_options(selection)}"
        + "".join(f"; nothing is called {name!r}{near(name, names)}" for name in unknown)
    )


def without_contender(op: Op) -> str:
    """The message that an op has no contender, and what to do."""
    return f"{op.name} has no contender: tag a function with @impl({op.name!r})"


def _options(selection: Selection) -> str:
    """The options of a selection that aren't at their default, as on the command line."""
    options = (
        ("-k", repr(selection.expression) if selection.expression else ""),
        ("--impl", ",".join(selection.impls)),
        ("--board", ",".join(selection.boards) if selection.boards != BOARDS else ""),
        ("--dtype", ",".join(selection.dtypes)),
        ("--inputs", ",".join(selection.inputs)),
        ("--pass", ",".join(selection.directions) if selection.directions != ("forward",) else ""),
        ("--grid", selection.grid if selection.grid != "quick" else ""),
        *(("--shape", text) for text in selection.shapes),
        *(("--sweep", text) for text in selection.sweeps),
        ("--shapes", "FILE" if selection.recorded else ""),
    )
    return " ".join(f"{word} {value}" for word, value in options if value) or "it"


def _words(expression: str) -> list[str]:
    """The names in an expression, in lower case."""
    if not expression:
        return []
    nodes = ast.walk(ast.parse(expression.strip(), mode="eval"))
    return [node.id.lower() for node in nodes if isinstance(node, ast.Name)]
