"""The catalogue as Markdown: a page for every suite, written from what is declared."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path

from opbench.harness.catalog import Catalog
from opbench.harness.declare import Impl, Op, board_of
from opbench.harness.planning.selection import selected_ops
from opbench.results.errors import RunFolderError
from opbench.results.records.output_paths import ensure_apart_from_runs
from opbench.results.report.markdown import escape, render
from opbench.results.report.table import Table

#: The grids whose shapes are listed, in this order.
_GRIDS = ("quick", "full", "edge")
#: The text by which a page is recognised.
_SIGNATURE = "written by `opbench list --markdown`"


def write_pages(catalog: Catalog, names: tuple[str, ...], folder: Path) -> tuple[Path, ...]:
    """Write a page for every suite that has one of the named ops or suites; return their paths.

    Raises RunFolderError, before anything is written, if a file that isn't a page would be
    overwritten, or if the folder is a file.
    """
    chosen = {op.name for op in selected_ops(catalog, names)}
    pages = {}
    for suite, members in sorted(catalog.suites.items()):
        ops = [catalog.ops[name] for name in members if name in chosen]
        if ops:
            path = folder / f"{suite}.md"
            _ensure_replaceable(path)
            pages[path] = _page(catalog, suite, ops)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise RunFolderError(f"{folder} is a file; name a folder for the pages") from error
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return tuple(pages)


def _ensure_replaceable(path: Path) -> None:
    """Raise RunFolderError if there is a file that the command didn't write, or a run's."""
    ensure_apart_from_runs(path)
    if path.exists() and _SIGNATURE.encode() not in path.read_bytes():
        raise RunFolderError(f"{path} isn't a page that opbench wrote; name another folder")


def _page(catalog: Catalog, suite: str, ops: list[Op]) -> str:
    """The page of a suite: its ops, in the order of the catalogue."""
    number = sum(len(catalog.impls[op.name]) for op in ops)
    parts = [
        f"# {suite}\n",
        f"{_counted(len(ops), 'op')} and {_counted(number, 'contender')}; {_SIGNATURE}.\n",
        *(f"- [{op.name}](#{op.name}): {escape(_summary(op.doc))}" for op in ops),
        "",
    ]
    return "\n".join([*parts, *(_section(op, catalog.impls[op.name]) for op in ops)])


def _contenders(op: Op, contenders: Mapping[str, Impl]) -> Table:
    """The table of contenders, with their output modes where the op has several."""
    columns: tuple[str, ...] = ("contender", "what", "board", "runs", "caveats")
    rows = [_contender(op, contender) for contender in contenders.values()]
    if len(op.boards) == 1:
        columns, rows = _without(columns), [_without(row) for row in rows]
    return Table("Contenders", columns, tuple(rows))


def _section(op: Op, contenders: Mapping[str, Impl]) -> str:
    """The section of an op: contract, facts, contenders, inputs and shapes."""
    facts = [
        ("boards", ", ".join(op.boards)),
        ("dtypes", ", ".join(op.dtypes)),
        ("gradients", ", ".join(op.grad) or "none"),
        ("source", op.source),
    ]
    kinds = Table("Inputs", ("kind", "what"), tuple(_kinds(op)))
    shapes = Table("Shapes", ("grid", "shape", *op.axes), tuple(_shapes(op)))
    return "\n".join(
        [
            f"## {op.name}\n",
            f"```python\n{op.name}{_signature(op)}\n```\n",
            "\n".join(map(escape, op.doc.splitlines())) + "\n",
            *(f"- {name}: {escape(value)}" for name, value in facts if value),
            *(f"- {name}: {escape(meaning)}" for name, meaning in op.axes.items()),
            "",
            *(render(table) for table in (_contenders(op, contenders), kinds, shapes)),
        ]
    )


def _signature(op: Op) -> str:
    """The arguments and options, without their types."""
    parameters = inspect.signature(op.oracle).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))


def _contender(op: Op, contender: Impl) -> tuple[str, ...]:
    """The row of a contender: name, summary, board, conditions, caveats."""
    runs = [reason for _, reason in contender.supports.tests]
    runs += [f"needs {module}" for module in contender.requires]
    if contender.prepare is not None:
        prepare = contender.prepare
        runs.append(f"prepared by {prepare if isinstance(prepare, str) else prepare.__name__}")
    caveats = (f"{kind}: {caveat.text}" for kind, caveat in contender.caveats.items())
    return (
        contender.name,
        _summary(inspect.getdoc(contender.function) or ""),
        board_of(op, contender),
        "; ".join(runs),
        "; ".join(caveats),
    )


def _kinds(op: Op) -> Iterable[tuple[str, str]]:
    """The input kinds of an op, each with what it draws."""
    for kind, make in op.inputs.items():
        marks = [
            *(["timed"] if kind in op.timed_kinds else []),
            *(["gradients not compared"] if kind in op.ungraded else []),
        ]
        # Of anything else the doc is that of its class.
        text = _summary(inspect.getdoc(make) or "") if inspect.isfunction(make) else ""
        yield kind, "; ".join([*([text] if text else []), *marks])


def _shapes(op: Op) -> Iterable[tuple[str, ...]]:
    """The shapes of an op: grid, name and axes."""
    for grid in _GRIDS:
        for shape, axes in getattr(op, grid).items():
            yield grid, shape, *(str(axes[name]) for name in op.axes)


def _summary(doc: str) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join(doc.partition("\n\n")[0].split())


def _counted(number: int, what: str) -> str:
    """A number with its noun in the singular or plural."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def _without(cells: tuple[str, ...]) -> tuple[str, ...]:
    """The cells without the column of boards, which says nothing if there is only one."""
    return (*cells[:2], *cells[3:])
