"""What a run of the whole catalogue says of the C++ contenders, and how long the code is.

    python -m benchmarks.catalogue kernels RUN
    python -m benchmarks.catalogue lines

kernels   for every op and pass with a contender `cpp`: the time of the best contender made of torch
          ops, eager or compiled, over that of `cpp`, as the geometric mean of the run's cases, and
          the largest share of the machine's ceiling that `cpp` reaches on a case. Ratios are taken
          within each race
lines     the lines of an op's declaration and of a contender, counted in the source without blank
          lines; the longest file and the longest function
"""

from __future__ import annotations

import argparse
import ast
import inspect
import statistics
from collections.abc import Iterator
from pathlib import Path

import opbench
from opbench.results.ranking.leaderboard import Board, Row, boards_of
from opbench.results.records.run_folder import open_run

#: Names of contenders that are not made of torch ops.
CUSTOM = {"cpp", "triton"}
FOLDERS = ("harness", "impls", "suites", "results", "dashboards")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="verb", required=True)
    commands.add_parser("kernels").add_argument("run")
    commands.add_parser("lines")
    args = parser.parse_args()
    if args.verb == "kernels":
        print_kernels(args.run)
    else:
        print_lines()


def print_kernels(run: str) -> None:
    """Print a line for every op and pass with a kernel."""
    groups: dict[tuple[str, str, str], list[Board]] = {}
    for board in boards_of(open_run(run)):
        key = (board.case.op, board.case.board, board.case.direction)
        if _row(board, "cpp") is not None:
            groups.setdefault(key, []).append(board)
    print(f"{'op':28} {'board':12} {'pass':9} {'mean':>6}  {'by case':30} ceiling")
    for (op, name, direction), boards in groups.items():
        pairs = [(board, pair) for board in boards if (pair := _compared(board)) is not None]
        if not pairs:
            continue
        ratios = [best.ratio.value / cpp.ratio.value for _, (best, cpp) in pairs]  # type: ignore[union-attr]
        shares = [cpp.share.value for _, (_, cpp) in pairs if cpp.share]
        cases = ", ".join(
            f"{board.case.shape} {ratio:.2f}"
            for (board, _), ratio in zip(pairs, ratios, strict=True)
        )
        mean = statistics.geometric_mean(ratios)
        ceiling = f"{max(shares):.0%}" if shares else "-"
        print(f"{op:28} {name:12} {direction:9} {mean:5.2f}x  {cases:30} {ceiling}")


def print_lines() -> None:
    """Print how long ops, contenders, files and functions are."""
    catalog = opbench.load()
    contenders = [c for group in catalog.impls.values() for c in group.values()]
    unique = {contender.function for contender in contenders}
    sizes = [_count(inspect.getsource(function)) for function in unique]
    declared = [_declaration(op, catalog) for op in catalog.ops]
    print(f"{len(catalog.ops)} ops, {len(contenders)} contenders of {len(unique)} functions")
    print(f"lines of a declared op: median {statistics.median(declared):g}, most {max(declared)}")
    print(f"lines of a contender: median {statistics.median(sizes):g}, most {max(sizes)}")
    for suffix in (".py", ".cpp", ".h"):
        files = {
            path: len(path.read_text("utf-8").splitlines())
            for folder in FOLDERS
            for path in Path(folder).rglob(f"*{suffix}")
        }
        longest = max(files, key=files.__getitem__)
        print(
            f"{len(files)} {suffix} files, {sum(files.values())} lines, "
            f"longest {longest} {files[longest]}"
        )
    length, where = max(_functions())
    print(f"longest function: {where}, {length} lines")


def _row(board: Board, name: str) -> Row | None:
    return next((row for row in board.measured if row.contender == name), None)


def _compared(board: Board) -> tuple[Row, Row] | None:
    """The fastest contender of torch ops, and the kernel, where both have ratios."""
    cpp = _row(board, "cpp")
    others = [row for row in board.measured if row.contender not in CUSTOM and row.ratio]
    if cpp is None or cpp.ratio is None or not others:
        return None
    return min(others, key=lambda row: row.ratio.value if row.ratio else 0.0), cpp


def _declaration(name: str, catalog: opbench.Catalog) -> int:
    """The lines of the `Op(...)` that is bound to this name."""
    for suite in catalog.suites:
        path = Path("suites") / f"{suite}.py"
        for node in ast.parse(path.read_text("utf-8")).body if path.exists() else ():
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                assert node.end_lineno is not None
                return node.end_lineno - node.lineno + 1
    return 0


def _functions() -> Iterator[tuple[int, str]]:
    for folder in FOLDERS:
        for path in Path(folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                    yield node.end_lineno - node.lineno + 1, f"{path}:{node.name}"


def _count(source: str) -> int:
    return sum(bool(line.strip()) for line in source.splitlines())


if __name__ == "__main__":
    main()
