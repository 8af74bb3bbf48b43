"""Synthetic evidence: operators with their times, of contenders that were never run."""

from __future__ import annotations

from opbench.results.explaining.explanation import explain
from opbench.results.records import Evidence, OperatorUse
from opbench.results.statistics.interval import Interval
from tests.results.examples import case

SIZE = ((1000, 1000),)


def use(
    name, seconds, *, calls=1.0, path=(), sizes=SIZE, dtypes=("float32",), strides=None, **more
):
    """Calls of an operator, on a matrix of floats."""
    strides = strides or tuple(contiguous(size) for size in sizes)
    return OperatorUse(
        name=name,
        path=path,
        sizes=sizes,
        strides=strides,
        dtypes=dtypes,
        calls=calls,
        self_time_s=seconds,
        allocated_bytes=0.0,
        **more,
    )


def contiguous(size):
    """The strides of a tensor whose elements lie one after the other."""
    strides, step = [], 1
    for length in reversed(size):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


def evidence(contender, *uses, outside=1e-6, time_s=None, figures=(), missing=(), side=""):
    """What was observed of a contender: operators, and what lies outside of them."""
    whole = sum(one.self_time_s for one in uses) + outside
    figures = {"profiled_s": whole, "outside_s": outside, "event_overhead_s": 1e-7} | dict(figures)
    return Evidence(
        contender=contender,
        side=side,
        time_s=time_s or whole,
        operators=uses,
        figures=tuple(figures.items()),
        missing=missing,
    )


def explained(slower, faster, *, ratio=None, width=0.01, tie=0.02, on=None):
    """The explanation of two contenders, whose ratio is known to within `width`."""
    value = ratio or slower.time_s / faster.time_s
    interval = Interval(value, value * (1 - width), value * (1 + width))
    return explain(on or case(), slower, faster, interval, tie=tie, seconds=1.0)
