"""Every declared race as pytest-benchmark items: `pytest suites -k "patch_pooling and cpp"`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pytest_items import bench

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from harness.pytest_items import Job


def test_contender(benchmark: BenchmarkFixture, job: Job) -> None:
    """Check the contender on the case, then let pytest-benchmark time it."""
    bench(benchmark, job)
