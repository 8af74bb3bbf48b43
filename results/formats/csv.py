"""A run as comma-separated values: one line per job or per sample."""

from __future__ import annotations

from pathlib import Path

from opbench.results.report.frames import read_some


def export(run: str | Path, target: Path, *, by: str = "job") -> None:
    """Write the tidy table of `run` to `target`; what is missing is left empty.

    by: a row per "job" or per "sample". Raises NothingRecordedError where there would be none.
    """
    read_some(run, by=by).to_csv(target, index=False)
