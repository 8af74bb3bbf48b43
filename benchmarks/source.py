"""How the source reads: lengths of files and functions, shares of comments and docstrings.

    python -m benchmarks.source [FOLDER ...]

Functions are counted from their first line to their last, without decorators; comments in tokens
(a comment is one), docstrings in lines, both per line that isn't blank. Functions that take the
parsed arguments of the command show how far these go before they are frozen values. Without
folders: those that are read most, harness, results and dashboards.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("harness", "results", "dashboards")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was counted in some folders."""

    #: Lines of each file, by its path.
    files: dict[str, int]
    #: Lines of each function, by file and name.
    functions: dict[str, int]
    #: Of these, the functions that take the parsed arguments of the command.
    of_arguments: tuple[str, ...]
    #: Comments, as tokens.
    comments: int
    #: Lines of docstrings.
    docstrings: int
    #: Lines that aren't blank.
    lines: int

    @property
    def comment_share(self) -> float:
        """Comments per line that isn't blank."""
        return self.comments / self.lines

    @property
    def docstring_share(self) -> float:
        """Lines of docstrings per line that isn't blank."""
        return self.docstrings / self.lines

    @property
    def files_of_arguments(self) -> frozenset[str]:
        """The files of the functions that take the parsed arguments."""
        return frozenset(key.partition(":")[0] for key in self.of_arguments)

    @property
    def function_lengths(self) -> tuple[float, float, int]:
        """Lines of a function: the median, the 95th percentile, the most."""
        lengths = sorted(self.functions.values())
        return statistics.median(lengths), lengths[int(0.95 * len(lengths))], lengths[-1]


def figures_of(root: Path, folders: Iterable[str] = FOLDERS) -> Figures:
    """Count in the Python files below some folders of a checkout."""
    files: dict[str, int] = {}
    functions: dict[str, int] = {}
    of_arguments: list[str] = []
    comments = docstrings = lines = 0
    for path in (path for folder in folders for path in sorted((root / folder).rglob("*.py"))):
        text, name = path.read_text(encoding="utf-8"), str(path.relative_to(root))
        tree = ast.parse(text)
        files[name] = len(text.splitlines())
        lines += sum(bool(line.strip()) for line in text.splitlines())
        comments += _comments(text)
        docstrings += sum(_docstring_lines(node) for node in ast.walk(tree))
        named = {f"{name}:{n.name}:{n.lineno}": n for n in _functions(tree)}
        functions |= {key: _length(node) for key, node in named.items()}
        of_arguments += (key for key, node in named.items() if _takes_arguments(node))
    return Figures(
        files=files,
        functions=functions,
        of_arguments=tuple(of_arguments),
        comments=comments,
        docstrings=docstrings,
        lines=lines,
    )


def _functions(tree: ast.Module) -> Iterable[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _length(node: ast.FunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def _takes_arguments(node: ast.FunctionDef) -> bool:
    """Whether a parameter is the parsed arguments, an `argparse.Namespace`."""
    parameters = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    types = (ast.unparse(one.annotation) for one in parameters if one.annotation is not None)
    return any("argparse.Namespace" in text for text in types)


def _comments(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def _docstring_lines(node: ast.AST) -> int:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        return 0
    if ast.get_docstring(node) is None:
        return 0
    statement = node.body[0]
    assert statement.end_lineno is not None
    return statement.end_lineno - statement.lineno + 1


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", default=list(FOLDERS))
    figures = figures_of(Path(), parser.parse_args().folders)
    median, high, most = figures.function_lengths
    longest = sorted(figures.files.items(), key=lambda item: -item[1])[:3]
    print(f"{len(figures.files)} files, {figures.lines} lines that aren't blank")
    print("longest files:", ", ".join(f"{name} {length}" for name, length in longest))
    print(f"{len(figures.functions)} functions: median {median:g}, p95 {high}, most {most} lines")
    number = len(figures.files_of_arguments)
    print(f"{len(figures.of_arguments)} functions in {number} files take the parsed arguments")
    print(f"comments {figures.comment_share:.1%}, docstrings {figures.docstring_share:.1%}")


if __name__ == "__main__":
    main()
