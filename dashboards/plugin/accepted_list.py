"""The accepted changes in the folder of a gate, read only from within the log directory."""

from __future__ import annotations

from opbench.dashboards.plugin.confined_files import read_confined
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.results.errors import OpbenchError
from opbench.results.regression.accepted import NAME, AcceptedChange, parse

#: The largest list that is read.
_LIMIT = 1_000_000


def accepted_in(run: ReadRun) -> tuple[tuple[AcceptedChange, ...], str]:
    """The entries, and why they can't be read; neither where there is no list."""
    try:
        content = read_confined(run.path / NAME, run.root, limit=_LIMIT)
        return parse(content.decode("utf-8", errors="replace"), NAME), ""
    except FileNotFoundError:
        return (), ""
    except OpbenchError as error:
        return (), f"the accepted changes are left out: {error}"
