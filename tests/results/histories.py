"""Folders of runs whose contenders and machine are as fast as a test says."""

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np

from opbench.results.records import Measured, run_folder
from opbench.results.records.anchors import ANCHORS
from tests.results.examples import ENVIRONMENT, case, info, record

#: Seconds, bytes and operations of a call of each anchor.
ANCHOR_WORK = {
    "anchor_memory": (1e-2, 1 << 26, 0),
    "anchor_arithmetic": (2e-3, 1 << 20, 1 << 27),
    "anchor_dispatch": (3e-6, 8, 1),
}


def timed(time_s, *, bytes=1000, flops=1000):
    """A contender that takes `time_s` in each of three blocks."""
    return Measured(
        samples_s=(time_s,) * 3,
        rounds=(0, 1, 2),
        calls=1,
        preparation_s=0.0,
        error=0.1,
        flops=flops,
        bytes=bytes,
        stopped="decided",
    )


def make_runs(root, times, *, machine=None, bare=(), sources=None, environments=None):
    """Runs below `root`, a day apart.

    times: of each contender the seconds per call by run, None where a run lacks it. machine: by
    run, how many times as slow all is. bare: the numbers of the runs without anchors.
    """
    count = max(map(len, times.values()))
    slow = machine or [1.0] * count
    first = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(count):
        key = environments[number] if environments else ENVIRONMENT.key
        head = dataclasses.replace(
            info(f"run-{number:03}"),
            created=(first + timedelta(days=number)).isoformat(),
            environment=dataclasses.replace(ENVIRONMENT, key=key),
        )
        folder = run_folder.create(root, head)
        if number not in bare:
            for op in ANCHORS:
                time_s, size, flops = ANCHOR_WORK[op]
                outcome = timed(time_s * slow[number], bytes=size, flops=flops)
                folder.append(record("anchor", outcome, case(op)))
        for name, series in times.items():
            if number < len(series) and series[number] is not None:
                source = sources[number] if sources else "f00d"
                outcome = timed(series[number] * slow[number])
                folder.append(record(name, outcome, fingerprint=source))
    return root


def noisy(levels, *, noise=0.01, seed=0):
    """Times in seconds around `levels`."""
    own = np.random.default_rng(seed).normal(0, noise, len(levels))
    return [float(level * np.exp(off)) for level, off in zip(levels, own, strict=True)]
