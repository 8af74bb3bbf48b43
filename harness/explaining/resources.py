"""What a call takes of the machine, without a profiler: processor time, page faults, threads.

Each figure is the time of the call with one thing changed, in turn with the call as it is: denormal
numbers taken for zero, one thread, cold caches. What concerns threads isn't measured where the case
has but one; a contender that sets them itself shows no difference. How denormal numbers are taken
is a setting of the thread, and those of a pool would keep theirs: so it is measured with one.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from opbench.harness.explaining import alternating
from opbench.harness.timing.cache_flush import cache_flush
from opbench.results.records import Case

#: Seconds of the block over which processor time and page faults are counted.
_COUNTED_S = 0.05
#: Single calls after each of which the caches are flushed.
_COLD_CALLS = 5


def gather(call: Callable[[], object], case: Case) -> Iterator[tuple[str, float]]:
    """The figures of a call, by name; of a CPU's alone what concerns its memory and threads."""
    calls = alternating.calls_per_block(call)
    yield "alone_s", min(alternating.seconds(call, calls) for _ in range(5)) / calls
    faults, busy = counted(call)
    yield "faults", faults
    yield "busy", busy
    if torch.device(case.device).type != "cpu":
        return
    yield from _threads(call, calls, case.threads)
    yield "flushed_ratio", _flushed(call, calls, case.threads)
    yield "cold_ratio", _cold(call, case.device)


def counted(call: Callable[[], object]) -> tuple[float, float]:
    """Page faults per call, and how many threads were busy: processor time over wall time.

    Both are of the whole process, threads of pools included.
    """
    calls, before, start = 0, resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    while time.perf_counter() - start < _COUNTED_S:
        call()
        calls += 1
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (after.ru_minflt - before.ru_minflt) / calls, used / wall


def _threads(call: Callable[[], object], calls: int, threads: int) -> Iterator[tuple[str, float]]:
    """The time with fewer threads over that with all of them, by their number."""
    default = partial(torch.set_num_threads, threads)
    for fewer in sorted({1, 2}):
        if fewer < threads:
            other = partial(torch.set_num_threads, fewer)
            yield f"threads_{fewer}_ratio", alternating.ratio(call, calls, default, other)


def _flushed(call: Callable[[], object], calls: int, threads: int) -> float:
    """The time with denormal numbers taken for zero over the usual one, both with one thread."""
    torch.set_num_threads(1)
    default, other = (partial(torch.set_flush_denormal, on) for on in (False, True))
    try:
        return alternating.ratio(call, calls, default, other)
    finally:
        torch.set_num_threads(threads)


def _cold(call: Callable[[], object], device: str) -> float:
    """The time of a call that finds its inputs in memory over that of one that follows another.

    The fastest of a few either way: what else happens makes calls slower, never faster.
    """
    flush = cache_flush(device)
    cold, warm = [], []
    for _ in range(_COLD_CALLS):
        flush()
        cold.append(alternating.seconds(call, 1))
        call()
        warm.append(alternating.seconds(call, 1))
    return min(cold) / min(warm)
