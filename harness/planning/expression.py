"""Expressions that select by substrings, as pytest's `-k`."""

from __future__ import annotations

import ast
import unicodedata

from opbench.results.errors import SelectionError


def matches(expression: str, text: str) -> bool:
    """Whether `text` satisfies an expression of substrings with and, or, not and parentheses.

        matches("wide and not compile", "softmax/wide/einsum")

    The empty expression matches every text. Raises SelectionError for what is no expression.
    """
    if not expression:
        return True
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return _evaluate(tree.body, _folded(text))
    # The last two come of an expression that is nested too deeply.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        shown = expression if len(expression) <= 60 else f"{expression[:60]}…"
        raise SelectionError(
            f"-k {shown!r} is not an expression: use names with and, or, not and parentheses; "
            "quote other names: -k \"'mat-mul'\""
        ) from error


def _evaluate(node: ast.expr, text: str) -> bool:
    """The value of a part of an expression."""
    if isinstance(node, ast.BoolOp):
        results = (_evaluate(value, text) for value in node.values)
        return all(results) if isinstance(node.op, ast.And) else any(results)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _evaluate(node.operand, text)
    if isinstance(node, ast.Name):
        return _folded(node.id) in text
    if isinstance(node, ast.Constant):
        return _folded(str(node.value)) in text
    raise ValueError(f"{ast.dump(node)} is not a name")


def _folded(text: str) -> str:
    """A text as it is compared: Python changes characters of names that have an equivalent."""
    return unicodedata.normalize("NFKC", text).lower()
