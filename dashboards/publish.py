"""Publish a run to TensorBoard: records in, event files out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from opbench.dashboards import events, gate, hparams, pictures, power, scalars, text
from opbench.dashboards.view import OpView, views
from opbench.results.errors import RunFolderError
from opbench.results.records import RunInfo
from opbench.results.records.anchors import without_anchors
from opbench.results.records.output_paths import ensure_apart_from_runs
from opbench.results.records.run_folder import RunFolder, start_time
from opbench.results.regression.report import find_report


def publish(run: RunFolder) -> Path:
    """Write the pages of `run`, in place of earlier ones, and return their folder.

    Raises RunFolderError where the run can't be read or its folder not be written.
    """
    info = run.info
    try:
        _replace(run, info)
    except OSError as error:
        raise RunFolderError(
            f"{run.tensorboard} cannot be written: {error.strerror or error}"
        ) from error
    return run.tensorboard


def is_published(run: RunFolder) -> bool:
    """Whether the run has pages with event files, and none of its records is newer."""
    files = [path.stat().st_mtime_ns for path in run.tensorboard.rglob("events.out.tfevents.*")]
    records = run.path / "records.jsonl"
    return bool(files) and (not records.exists() or records.stat().st_mtime_ns <= min(files))


def _replace(run: RunFolder, info: RunInfo) -> None:
    """The new pages are complete before the old ones go."""
    with tempfile.TemporaryDirectory(prefix=".tensorboard-", dir=run.path) as staging:
        new = Path(staging) / "new"
        wall_time = start_time(info) or time.time()
        events.write(new, _entries(run, info), wall_time=wall_time)
        if run.tensorboard.exists():
            run.tensorboard.rename(Path(staging) / "old")
        new.rename(run.tensorboard)


def publish_hparams(run: RunFolder, folder: Path) -> int:
    """Write a table of a run's rows into a log folder of its own; return how many were left out.

    Raises RunFolderError where `folder` is there already, lies in or among runs, or can't be
    written.
    """
    ensure_apart_from_runs(folder)
    runs = run.path.resolve().parent
    if runs in folder.resolve().parents:
        raise RunFolderError(
            f"{folder} lies among the runs of {runs}, of which TensorBoard would then tick none; "
            "name a folder elsewhere"
        )
    if folder.exists():
        raise RunFolderError(f"{folder} is there already; name a folder that isn't")
    wall_time = start_time(run.info) or time.time()
    shown, left_out = hparams.entries(_views(run), wall_time=wall_time)
    try:
        events.write(folder, shown, wall_time=wall_time)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be written: {error.strerror or error}") from error
    return left_out


def _views(run: RunFolder) -> tuple[OpView, ...]:
    """The material of a run's pages, by op."""
    rules, ceilings = run.info.rules, run.ceilings()
    return views(without_anchors(run.records()), rules=rules, ceilings=ceilings)


def _entries(run: RunFolder, info: RunInfo) -> Iterator[events.Entry]:
    """The entries of all pages of a run."""
    ops = _views(run)
    report = find_report(run)
    if report is not None:
        yield from gate.entries(report)
    yield from power.entries(run.calibrations())
    yield from text.entries(ops, run.profiles(), info, run.path)
    yield from pictures.entries(ops)
    yield from scalars.entries(ops)
