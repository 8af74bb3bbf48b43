"""Expressions that select by words, as pytest's `-k`."""

from __future__ import annotations

import ast

from opbench.results.errors import SelectionError


def matches(expression: str, text: str) -> bool:
    """Whether `text` satisfies an expression of substrings with and, or, not and parentheses.

    Raises SelectionError where the expression isn't one.
    """
    if not expression:
        return True
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return _evaluate(tree.body, text.lower())
    # The last two for what is nested too deeply.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        shown = expression if len(expression) <= 60 else f"{expression[:60]}…"
        raise SelectionError(
            f"-k {shown!r} is not an expression: use names with and, or, not and parentheses"
        ) from error


def _evaluate(node: ast.expr, text: str) -> bool:
    if isinstance(node, ast.BoolOp):
        results = (_evaluate(value, text) for value in node.values)
        return all(results) if isinstance(node.op, ast.And) else any(results)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _evaluate(node.operand, text)
    if isinstance(node, ast.Name):
        return node.id.lower() in text
    if isinstance(node, ast.Constant):
        return str(node.value).lower() in text
    raise ValueError(f"{ast.dump(node)} is not a name")
