"""A run as pytest-benchmark's JSON, for `pytest-benchmark compare` and other readers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_benchmark import __version__
from pytest_benchmark.stats import Stats

from opbench.results.formats.pytest_benchmark_items import (
    OWN,
    extra_info_of,
    fullname_of,
    group_of,
    name_of,
    own,
    params_of,
)
from opbench.results.ranking.leaderboard import Row, boards_of
from opbench.results.records import Environment, Measured, Record
from opbench.results.records.run_folder import open_run
from opbench.results.report.frames import nothing_in
from opbench.results.statistics.interval import Interval


def export(run: str | Path, target: Path) -> None:
    """Write `run` to `target`, every sample included.

    Contenders that were not measured have no place among the benchmarks: they stand beside them,
    so that `opbench import` gives the whole run back, its profiles apart.
    """
    folder = open_run(run)
    records = folder.records()
    ranks = {(board.case, row.contender): row for board in boards_of(folder) for row in board.rows}
    if not records:
        raise nothing_in(folder, "race")
    others = tuple(r for r in records if not isinstance(r.outcome, Measured))
    document = {
        "machine_info": _machine_info(folder.info.environment),
        "commit_info": _COMMIT_INFO,
        "benchmarks": [
            _benchmark(r, r.outcome, ranks.get((r.case, r.contender)))
            for r in records
            if isinstance(r.outcome, Measured)
        ],
        "datetime": folder.info.created,
        "version": __version__,
        OWN: own(run=folder.info, lines=(*folder.ceilings(), *others)),
    }
    target.write_text(json.dumps(document, indent=4), encoding="utf-8")


def _benchmark(record: Record, measured: Measured, rank: Row | None) -> Mapping[str, Any]:
    """rank: the row of the leaderboard; None of an anchor, which is on none."""
    case, contender = record.case, record.contender
    name = name_of(case, contender)
    stats = Stats()
    for sample in measured.samples_s:
        stats.update(sample)
    return {
        "group": group_of(case),
        "name": name,
        "fullname": fullname_of(case, contender),
        "params": params_of(case, contender),
        "param": name,
        "extra_info": {
            **extra_info_of(replace(record, outcome=replace(measured, samples_s=()))),
            **(_standing(rank) if rank else {}),
        },
        "options": {"disable_gc": True, "timer": "time.perf_counter"},
        "stats": {**stats.as_dict(), "data": stats.data, "iterations": measured.calls},
    }


def _standing(rank: Row) -> Mapping[str, Any]:
    """The verdict, and the ratio to the best with the ends of its interval, null where unknown."""
    ratio = rank.ratio or Interval(math.nan, math.nan, math.nan)
    ends = {"ratio": ratio.value, "low": ratio.low, "high": ratio.high}
    finite = {name: value if math.isfinite(value) else None for name, value in ends.items()}
    return {"verdict": rank.verdict, **finite}


#: As pytest-benchmark writes it outside of a repository: a run knows of none.
_COMMIT_INFO = {
    "id": "unversioned",
    "time": None,
    "author_time": None,
    "dirty": False,
    "project": OWN,
    "branch": "(unknown)",
}


def _machine_info(environment: Environment) -> Mapping[str, Any]:
    """The facts of a run's machine, under pytest-benchmark's names."""
    facts = dict(environment.stable)
    system, _, machine = facts.get("system", "").partition(" ")
    return {
        "system": system,
        "machine": machine,
        "python_version": facts.get("python", ""),
        "cpu": {"brand_raw": facts.get("cpu", "")},
    }
