"""Collectors of the pytest plugin: contenders on cases, of a file or of the whole catalogue.

Which of them are collected is pytest's affair (-k, paths); which cases there are, that of the
plugin's options.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from opbench.harness.catalog import impls_in, load, ops_in
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import DIRECTIONS, GRIDS, Selection
from opbench.harness.pytest_plugin.items import Job, bench, mark
from opbench.results.errors import OpbenchError, SelectionError
from opbench.results.formats.pytest_benchmark_items import OWN


class Contender(pytest.Function):
    """An item: a contender on a case."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place that it was collected from, rather than that of the function of all items."""
        return self.config.rootpath / self.nodeid.partition("::")[0], None, self.name


class Declarations(pytest.Module):
    """A file, with the ops that it declares, and the contenders that it declares of other ops.

    It is imported as pytest imports a test module.
    """

    def collect(self) -> Iterator[Contender]:
        """Yield an item for each. Raises CollectError if a declaration doesn't fit."""
        ops = {op.name for op in ops_in(self.obj)}
        contenders = {(contender.op, contender.name) for contender in impls_in(self.obj)}
        if not ops and not contenders:
            return
        for job in _jobs(self, self.obj):
            if job.case.op in ops or (job.case.op, job.contender) in contenders:
                yield _item(self, job)


class Catalogue(pytest.Collector):
    """The installed and loaded suites, or only the ops that --opbench-load adds."""

    everything: bool

    @classmethod
    def of(cls, session: pytest.Session, *, everything: bool) -> Catalogue:
        """The collector, which lies in no file."""
        made: Catalogue = cls.from_parent(session, name=OWN, nodeid=OWN)
        made.everything = everything
        return made

    def collect(self) -> Iterator[Contender]:
        """Yield an item for each. Raises CollectError if a declaration doesn't fit."""
        jobs = _jobs(self)
        installed = set() if self.everything else set(load().ops)
        for job in jobs:
            if job.case.op not in installed:
                yield _item(self, job)


def _item(parent: pytest.Collector, job: Job) -> Contender:
    """The item of a job."""
    made: Contender = Contender.from_parent(parent, name=job.id, callobj=partial(bench, job=job))
    made.add_marker(mark(job))
    return made


def _jobs(collector: pytest.Collector, *modules: ModuleType) -> list[Job]:
    """The jobs of the selection, of the whole catalogue and more modules.

    Raises CollectError without pytest-benchmark, or where something doesn't fit.
    """
    config = collector.config
    if not config.pluginmanager.hasplugin("benchmark"):
        raise collector.CollectError(
            "opbench's items are timed by pytest-benchmark, which is switched off here"
        )
    try:
        selection = _selection(config)
        catalog = load(*config.getoption("opbench_load"), *modules)
        races = plan(catalog, selection)
    except OpbenchError as error:
        raise collector.CollectError(str(error)) from error
    return [Job(catalog, race.case, name) for race in races for name in race.contenders]


def _selection(config: pytest.Config) -> Selection:
    """The selection of the plugin's options. Raises SelectionError for unknown values."""
    option = config.getoption
    for name, known in (("grid", GRIDS), ("pass", DIRECTIONS)):
        if option(f"opbench_{name}") not in known:
            raise SelectionError(
                f"--opbench-{name}={option(f'opbench_{name}')} is not one of {', '.join(known)}"
            )
    return Selection(
        devices=(option("opbench_device"),),
        dtypes=(option("opbench_dtype"),) if option("opbench_dtype") else (),
        directions=(option("opbench_pass"),),
        grid=option("opbench_grid"),
        threads=option("opbench_threads"),
    )
