"""Write a report: runs in, one HTML file out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opbench.dashboards.report.collected import Collected
from opbench.dashboards.report.named_runs import log_of
from opbench.dashboards.report.page import page
from opbench.dashboards.report.questions import ask_all
from opbench.results.records.contents import ensure_recorded
from opbench.results.records.output_paths import output_file
from opbench.results.records.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a report."""

    #: The bytes of its file.
    size: int
    #: How many answers it lacks, since it would be too large with them.
    left_out: int


def write_report(runs: Sequence[RunFolder], target: Path) -> Written:
    """Write the views of some runs into one file, in place of what it held.

    Raises RunFolderError where a run can't be read or the file not be written,
    NothingRecordedError where a run is empty.
    """
    for run in runs:
        # Without a head nobody knows by which rules races were decided.
        _ = run.info
        ensure_recorded(run)
    with output_file(target):
        collected = Collected(log_of(runs))
        ask_all(collected)
        content = page(collected).encode()
        _replace(target, content)
    return Written(len(content), collected.left_out)


def _replace(target: Path, content: bytes) -> None:
    """Write a file that is whole at any time; what is no file, a pipe say, just gets the bytes."""
    place = Path(os.path.realpath(target))
    if place.exists() and not place.is_file():
        place.write_bytes(content)
        return
    with tempfile.TemporaryDirectory(prefix=".report-", dir=place.parent) as folder:
        new = Path(folder) / "new"
        new.write_bytes(content)
        new.replace(place)
