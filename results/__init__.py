"""Records, run folders, statistics, leaderboards, tables and exports. No torch.

`read` gives a run as a pandas table.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read"]


def read(run: str | Path, *, by: str = "job") -> pd.DataFrame:
    """A run as a tidy table, a row per "job" or per "sample": see
    `opbench.results.report.frames.read`."""
    # pandas and numpy take longer to import than all of the command.
    from opbench.results.report import frames

    return frames.read(run, by=by)
