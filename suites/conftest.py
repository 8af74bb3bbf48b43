"""Options of `pytest suites`: which of the declared races become pytest-benchmark items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import harness
from harness.planning import DIRECTIONS, GRIDS, Selection
from results.errors import OpbenchError

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the selection options of the command that make sense here; -k is pytest's own."""
    add = parser.getgroup("opbench").addoption
    add("--grid", choices=GRIDS, default="quick", help="shapes to time")
    add("--pass", dest="passes", choices=DIRECTIONS, default="forward", help="pass to time")
    add("--device", default="cpu", help="device to time on")
    add("--dtype", default="", help="dtype to time in (default: each op's first)")
    add("--threads", type=int, default=0, help="threads (default: every core)")
    add("--load", action="append", default=[], help="a module or .py file with more contenders")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item per op, case and contender, grouped by case, timed with the device waited for."""
    if "job" not in metafunc.fixturenames:
        return
    import pytest

    from harness.pytest_items import Job, marks

    option = metafunc.config.getoption
    selection = Selection(
        devices=(option("--device"),),
        dtypes=(option("--dtype"),) if option("--dtype") else (),
        directions=(option("passes"),),
        grid=option("--grid"),
        threads=option("--threads"),
    )
    try:
        catalog = harness.load(*option("--load"))
        races = harness.plan(catalog, selection)
    except OpbenchError as error:
        raise pytest.UsageError(str(error)) from error
    jobs = [Job(catalog, race.case, name) for race in races for name in race.contenders]
    metafunc.parametrize("job", [pytest.param(job, id=job.id, marks=marks(job)) for job in jobs])
