"""Runs that were named one by one, as the plugin reads those of a log directory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.runs_below import Listing, place_of
from opbench.results.records.run_folder import RunFolder


def log_of(runs: Iterable[RunFolder]) -> LogFolder:
    """A log directory that has these runs and no others, as they are now.

    It is the folder that all of them lie in.
    """
    folders = sorted({Path(os.path.realpath(run.path)) for run in runs})
    root = Path(os.path.commonpath([folder.parent for folder in folders]))
    places = tuple(place_of(folder, root) for folder in folders)
    # As those who write the report would name it: it stands in a command.
    return LogFolder(os.path.relpath(root), find=lambda _: Listing(places, ()))
