"""What others measure of the same call: torch.utils.benchmark and pytest-benchmark, by default."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.utils import NameWrapper
from torch.utils.benchmark import Measurement, Timer

Call = Callable[[], object]


def blocked_autorange(call: Call) -> float:
    """Median seconds per call by `Timer.blocked_autorange`, with torch's present threads."""
    return float(_timer(call).blocked_autorange().median)


def adaptive_autorange(call: Call, *, threshold: float) -> Measurement:
    """What `Timer.adaptive_autorange` finds, which stops after 10 s at most."""
    return _timer(call).adaptive_autorange(threshold=threshold)


def pytest_benchmark(call: Call) -> float:
    """Median seconds per call by pytest-benchmark's fixture, with the plugin's own defaults."""
    quiet = SimpleNamespace(debug=lambda *_, **__: None, warning=lambda *_, **__: None)
    make: Any = BenchmarkFixture
    name: Any = NameWrapper
    fixture = make(
        node=SimpleNamespace(name="call", nodeid="call"),
        disable_gc=False,
        timer=name(time.perf_counter),
        min_rounds=5,
        min_time=0.000005,
        max_time=1.0,
        precision=None,
        confidence=None,
        warmup=False,
        warmup_iterations=100000,
        calibration_precision=10,
        add_stats=lambda _: None,
        logger=quiet,
        warner=lambda *_: None,
        disabled=False,
        cprofile=None,
        cprofile_loops=None,
        cprofile_dump=None,
    )
    fixture(call)
    return float(fixture.stats.stats.median)


def _timer(call: Call) -> Timer:
    return Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
