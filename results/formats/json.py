"""A run as JSON: an array with one object per job or per sample."""

from __future__ import annotations

from pathlib import Path

from opbench.results.report.frames import read_some


def export(run: str | Path, target: Path, *, by: str = "job") -> None:
    """Write the tidy table of `run` to `target`; what is missing or not finite is null.

    by: a row per "job" or per "sample". Raises NothingRecordedError where there would be none.
    """
    read_some(run, by=by).to_json(
        target, orient="records", indent=1, double_precision=15, force_ascii=False
    )
