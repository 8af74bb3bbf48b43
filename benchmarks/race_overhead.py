"""What a race costs beside the calls it times: a timed call, and the start of `opbench run`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

from benchmarks.rivals import Call
from opbench.harness.timing.clock import HostClock
from opbench.results.statistics.intervals import median


def busy(seconds: float) -> Call:
    """A call that takes so long and does nothing else."""

    def spin() -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    return spin


def added_per_call(calls: int) -> float:
    """Seconds that timing adds to each call of a block of so many, beside the call itself.

    The median difference between a block of calls that do nothing, and the same calls written out
    one below the other.
    """
    nothing: Call = [].__len__
    namespace: dict[str, Callable[[Call], None]] = {}
    exec("def bare(call):\n" + "    call()\n" * 500, namespace)
    bare, clock, added = namespace["bare"], HostClock(), []
    for _ in repeat(None, 4000):
        start = time.perf_counter()
        bare(nothing)
        each = (time.perf_counter() - start) / 500
        added.append(clock.block(nothing, calls).host_s / calls - each)
    return median(added)


def spent(command: list[str]) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def start_up(times: int) -> None:
    """What `opbench run` takes with ten contenders beyond importing torch and its budget."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ten.py").write_text(_TEN, encoding="utf-8")
        arguments = [
            "run",
            "row_total",
            "--load",
            f"{folder}/ten.py",
            "--budget",
            "0.1",
            "--out",
            folder,
        ]
        command = [sys.executable, "-m", "opbench", *arguments]
        beyond = []
        for _ in repeat(None, times):
            torch_s = spent([sys.executable, "-c", "import torch"])
            beyond.append(spent(command) - torch_s)
    print(
        f"`opbench run` of 10 contenders with a budget of 0.1 s, beyond `import torch`: "
        f"{min(beyond):.2f} to {max(beyond):.2f} s, median {median(beyond):.2f} s"
    )


_TEN = '''
import torch
from opbench import Cost, Op, impl


def oracle(x):
    """The sum of each row."""
    return x.sum(1)


row_total = Op(
    name="row_total",
    oracle=oracle,
    axes={"N": "rows"},
    inputs={"normal": lambda N, rng: {"x": torch.randn(N, N, generator=rng)}},
    quick={"small": {"N": 64}},
    cost=lambda N, e: Cost(N * N, e * N * N),
)


def contender(number):
    def total(x):
        return x.sum(1)

    return impl("row_total", name=f"number_{number}")(total)


c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 = map(contender, range(10))
'''
