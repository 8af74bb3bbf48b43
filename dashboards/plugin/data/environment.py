"""Where a run was made: machine, versions, warnings, ceilings, anchors, calibration of the gate."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.dashboards.plugin.selection import one_run
from opbench.results.records import Calibration, Ceilings, RunInfo
from opbench.results.records.anchors import ANCHORS, anchor_times
from opbench.results.regression.resampling import rate


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The environment of a run, and in what those of the other runs differ from it."""
    run = one_run(log, query)
    info = run.info
    return {
        "id": run.id,
        "created": info.created,
        "command": info.command,
        "settings": info.settings,
        "rules": {name: finite(value) for name, value in asdict(info.rules).items()},
        "key": info.environment.key,
        "stable": info.environment.stable,
        "volatile": info.environment.volatile,
        "warnings": info.warnings,
        "ceilings": [_ceilings(ceilings) for ceilings in run.ceilings()],
        "anchors": _anchors(run),
        "calibrations": [_calibration(one) for one in run.calibrations()],
        "others": _others(log, run.id, info),
    }


def _ceilings(ceilings: Ceilings) -> dict[str, Any]:
    """The ceilings of a device; rates a second."""
    return {
        "device": ceilings.device,
        "threads": ceilings.threads,
        "memory": [(size, finite(rate)) for size, rate in ceilings.memory],
        "matmul": [(dtype, finite(rate)) for dtype, rate in ceilings.matmul],
        "dispatch_s": finite(ceilings.dispatch_s),
    }


def _anchors(run: ReadRun) -> list[dict[str, Any]]:
    """What the anchors took, by device and threads."""
    return [
        {
            "device": device,
            "threads": threads,
            "times": [(name, finite(times.time_s(name))) for name in ANCHORS],
        }
        for (device, threads), times in anchor_times(run.records()).items()
    ]


def _calibration(calibration: Calibration) -> dict[str, Any]:
    """How often the gate errs, with 95% intervals of its rates."""
    found = [(power.slowdown, power.found, power.sessions) for power in calibration.powers]
    rows = [(0.0, calibration.failed, calibration.sessions), *found]
    return {
        "device": calibration.device,
        "threads": calibration.threads,
        "created": calibration.created,
        "subjects": calibration.subjects,
        "sessions": calibration.sessions,
        "void": calibration.void,
        "inconclusive": calibration.inconclusive,
        "min_slowdown": calibration.rules.min_slowdown,
        "spreads": [(method, finite(spread)) for method, spread in calibration.spreads],
        "rows": [
            {"slowdown": slowdown, "failed": failed, "of": of, **_interval(failed, of)}
            for slowdown, failed, of in rows
        ],
    }


def _interval(count: int, trials: int) -> dict[str, float | None]:
    """The ends of the interval of a rate."""
    share = rate(count, trials)
    return {"low": finite(share.low), "high": finite(share.high)}


def _others(log: LogFolder, run_id: str, info: RunInfo) -> list[dict[str, Any]]:
    """The other runs, each with the stable facts that are others there."""
    own = dict(info.environment.stable)
    heads = [(one.id, one.head) for one in log.summaries() if one.head and one.id != run_id]
    return [
        {
            "id": name,
            "same": head.environment.key == info.environment.key,
            "differs": _differences(own, dict(head.environment.stable)),
        }
        for name, head in heads
    ]


def _differences(own: dict[str, str], other: dict[str, str]) -> list[tuple[str, str, str]]:
    """The names of facts that differ, with both values; "" where one lacks it."""
    names = sorted({*own, *other})
    values = [(name, own.get(name, ""), other.get(name, "")) for name in names]
    return [(name, mine, theirs) for name, mine, theirs in values if mine != theirs]
