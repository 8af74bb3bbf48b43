"""A contender on a case as a pytest-benchmark item: checked first, then timed by its rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

from harness import runner
from harness.catalog import Catalog
from harness.device import waiter
from harness.examine import Exam
from harness.guard import attempt
from results.record import Case, Failed, Unsupported, Wrong

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One item: a contender on a case."""

    catalog: Catalog
    case: Case
    contender: str

    @property
    def id(self) -> str:
        """The name between the item's brackets; what -k selects on."""
        case = self.case
        parts = (case.op, case.shape, case.inputs, case.dtype, case.direction, self.contender)
        return "-".join(parts)


def marks(job: Job) -> pytest.MarkDecorator:
    """The benchmark mark of an item: contenders of one case stand in one group."""
    group = f"{job.case.op} {job.case.label} {job.case.sizes}"
    return pytest.mark.benchmark(group=group, timer=timer(job.case.device))


def timer(device: str) -> Callable[[], float]:
    """A clock that waits for the device before it is read."""
    wait = waiter(device)

    def now() -> float:
        wait()
        return time.perf_counter()

    return now


def bench(benchmark: BenchmarkFixture, job: Job) -> None:
    """Check the job's contender and hand its call to pytest-benchmark.

    Skips with the reason what doesn't run here, fails with the reason what is wrong.
    """
    case = job.case
    with runner.settings(case):
        exam = _exam(job.catalog, case)
        ready = (
            runner.make_ready(exam, job.catalog.impl(case.op, job.contender))
            if isinstance(exam, Exam)
            else exam
        )
        if isinstance(ready, Unsupported):
            pytest.skip(ready.reason)
        if isinstance(ready, Wrong | Failed):
            pytest.fail(f"{job.contender} of {case.op}: {ready.stage}: {ready.reason}")
        assert isinstance(ready, runner.Ready)
        assert isinstance(exam, Exam)
        cost = runner.cost_of(exam)
        benchmark.extra_info.update(
            op=case.op,
            contender=job.contender,
            case=case.key,
            error=ready.error,
            bytes=int(cost.bytes),
            flops=int(cost.flops),
        )
        benchmark(ready.call)


@lru_cache(maxsize=1)
def _exam(catalog: Catalog, case: Case) -> Exam | Unsupported | Failed:
    """The case's inputs and truths; items of a case follow each other, so one is enough."""
    return attempt("inputs", lambda: runner.exam_of(catalog, case))
