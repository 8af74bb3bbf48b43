"""A run as Parquet: one row per job or per sample, typed columns."""

from __future__ import annotations

from pathlib import Path

from opbench.results.report.frames import read_some


def export(run: str | Path, target: Path, *, by: str = "job") -> None:
    """Write the tidy table of `run` to `target`.

    A column has one type in Parquet: an axis that is a number in one op and text in another
    becomes text.
    """
    from pandas.api.types import is_object_dtype

    frame = read_some(run, by=by)
    for name in frame.columns:
        if is_object_dtype(frame[name]) and len(set(map(type, frame[name].dropna()))) > 1:
            frame[name] = frame[name].map(str, na_action="ignore")
    frame.to_parquet(target, engine="pyarrow", index=False)
