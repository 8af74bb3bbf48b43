"""A contender on a case as a pytest-benchmark item: checked first, then timed by its rules.

Items of one case share its inputs. Each carries its record without the samples, so that `opbench
import` can make a run of pytest-benchmark's JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import pytest

from opbench.harness.catalog import Catalog
from opbench.harness.correctness.caveats import caveats_on, machine_facts
from opbench.harness.correctness.costs import cost_of
from opbench.harness.correctness.reference import Reference
from opbench.harness.declare import Cost, Impl
from opbench.harness.execution.ready import Ready, make_ready, reference_of, settings
from opbench.harness.machine.device import waiter
from opbench.harness.machine.environment import describe
from opbench.harness.outcomes import catch
from opbench.harness.preparation.resolve import fingerprint, is_compiled
from opbench.results.errors import OpFaultError
from opbench.results.formats.pytest_benchmark_items import (
    extra_info_of,
    fullname_of,
    group_of,
    name_of,
    params_of,
)
from opbench.results.records import Case, Failed, Measured, Record, RunInfo, Unsupported, Wrong

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

#: What makes the run, whose command line is pytest's.
PROGRAM = "pytest"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One item: a contender on a case."""

    #: With the op and the contender.
    catalog: Catalog
    #: What it is checked and timed on.
    case: Case
    #: Its name.
    contender: str

    @property
    def id(self) -> str:
        """The item's name, which -k selects by."""
        return name_of(self.case, self.contender)


def mark(job: Job) -> pytest.MarkDecorator:
    """The benchmark mark of an item, whose timer waits for its device."""
    return pytest.mark.benchmark(timer=timer(job.case.device))


def timer(device: str) -> Callable[[], float]:
    """A clock that waits for the device before it is read."""
    wait = waiter(device)

    def now() -> float:
        """The time in seconds, once the device is done."""
        wait()
        return time.perf_counter()

    return now


def bench(benchmark: BenchmarkFixture, job: Job) -> None:
    """Check a contender and hand its call to pytest-benchmark; skip or fail with the reason."""
    try:
        _bench(benchmark, job)
    except OpFaultError as fault:
        pytest.fail(str(fault), pytrace=False)


def _bench(benchmark: BenchmarkFixture, job: Job) -> None:
    """As `bench`; raises OpFaultError if the op itself is at fault."""
    case = job.case
    with settings(case):
        contender = job.catalog.impl(case.op, job.contender)
        reference = _reference(job.catalog, case)
        ready = make_ready(reference, contender) if isinstance(reference, Reference) else reference
        if isinstance(ready, Unsupported):
            pytest.skip(ready.reason)
        if isinstance(ready, Wrong | Failed):
            why = f"{job.contender} of {case.op}: {ready.stage}: {ready.reason}"
            pytest.fail(why, pytrace=False)
        assert isinstance(ready, Ready)
        assert isinstance(reference, Reference)
        # Identified by op, case and contender, not by the file or folder that pytest was given.
        benchmark.group, benchmark.name = group_of(case), job.id
        benchmark.fullname = fullname_of(case, job.contender)
        benchmark.param, benchmark.params = job.id, params_of(case, job.contender)
        benchmark.extra_info |= extra_info_of(
            _record(contender, case, ready, cost_of(reference.op, reference.case, reference.first))
        )
        benchmark(ready.call)


def head(created: str, arguments: Iterable[object]) -> RunInfo:
    """The head of a run of this program, for `opbench import`, which gives it another name."""
    command = (PROGRAM, *map(str, arguments))
    return RunInfo(id=PROGRAM, created=created, command=command, environment=_environment())


def _record(contender: Impl, case: Case, ready: Ready, cost: Cost) -> Record:
    """The record without the samples, which pytest-benchmark keeps."""
    outcome = Measured(
        samples_s=(),
        rounds=(),
        calls=0,
        preparation_s=ready.preparation_s,
        error=ready.error,
        flops=int(cost.flops),
        bytes=int(cost.bytes),
        stopped="timed by pytest-benchmark",
    )
    environment = _environment()
    caveats, key = caveats_on(contender, case, machine_facts(environment)), environment.key
    return Record(
        contender=contender.name,
        case=case,
        outcome=outcome,
        fingerprint=fingerprint(contender),
        environment_key=key,
        caveats=caveats,
        compiled=is_compiled(contender),
    )


_environment = cache(describe)


@lru_cache(maxsize=1)
def _reference(catalog: Catalog, case: Case) -> Reference | Unsupported | Failed:
    """The case's inputs and truths; items of a case follow each other, so one is enough."""
    return catch("inputs", lambda: reference_of(catalog, case))
