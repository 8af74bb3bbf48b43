"""The races of several environments side by side: who wins which case on which kind of machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.selection import latest_races, selected_runs
from opbench.results.ranking.matrix import CaseAcross, Cell, Matrix, matrix
from opbench.results.report.matrix import kinds_table, matrix_tables, names_of, summary
from opbench.results.report.table import Table

#: So many records are put side by side at most.
_MOST_ROWS = 20_000


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The matrix of all races, as `opbench matrix` has it; of very many, of the latest.

    Without cases where all were made in one environment: there is nothing to put side by side.
    The texts are those of the command; the numbers of a cell are seconds, and its ratio to the best
    of its own kind. Raises RunFolderError where a run can't be read.
    """
    names, left_out = latest_races(log, _MOST_ROWS)
    runs = selected_runs(log, {"run": names}) if names else ()
    keys = sorted({run.info.environment.key for run in runs})
    head = {"left_out": left_out, "keys": keys}
    if len(keys) < 2:
        return head | {"kinds": None, "names": [], "summary": "", "ops": []}
    found = matrix(runs, lambda case, contender: True)
    return head | {
        "kinds": _table(kinds_table(found)),
        "names": names_of(found.kinds),
        "summary": summary(found),
        "ops": _ops(found),
    }


def _ops(found: Matrix) -> list[dict[str, Any]]:
    """The ops with their cases in the words of the command, and every cell."""
    by_op: dict[str, list[CaseAcross]] = {}
    for one in found.cases:
        by_op.setdefault(one.case.op, []).append(one)
    tables = iter(matrix_tables(found))
    return [
        {
            "op": op,
            "winners": _table(next(tables)),
            "contenders": _table(next(tables)),
            "cases": [_case(one) for one in cases],
        }
        for op, cases in by_op.items()
    ]


def _table(table: Table) -> dict[str, Any]:
    """A table for a page."""
    return {"columns": table.columns, "rows": table.rows}


def _case(one: CaseAcross) -> dict[str, Any]:
    """A case: whether kinds agree, and its contenders, each with a cell for every kind."""
    by_contender = zip(*(standings.cells for standings in one.standings), strict=True)
    return {
        "key": one.case.key,
        "agreement": one.agreement,
        "contenders": [_contender(cells) for cells in by_contender],
    }


def _contender(cells: Iterable[Cell]) -> dict[str, Any]:
    """A contender on a case."""
    listed = [*cells]
    return {"name": listed[0].contender, "cells": [_cell(cell) for cell in listed]}


def _cell(cell: Cell) -> Mapping[str, Any]:
    """A contender on a case and a kind."""
    return {
        "verdict": cell.verdict,
        "time_s": finite(cell.time_s),
        "ratio": finite(cell.ratio),
        "reason": cell.reason,
    }
