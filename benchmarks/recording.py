"""What recording adds to a call, with one to three tensors: `python -m benchmarks.recording`.

Functions that do nothing, so that all that is timed is the way there. The counted and the direct
call are timed in turn, in an order drawn anew each round and in blocks short enough to lie between
two interruptions, and compared within the round.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import torch

from opbench.harness.recording.counting import Calls
from opbench.results.statistics.intervals import median, median_interval

#: Calls of a block, and rounds.
CALLS, ROUNDS = 100, 2000


def _nothing(*args: Any, **options: Any) -> None:
    """Nothing of whatever it is given."""


def _block(call: Callable[..., object], args: tuple[Any, ...], options: dict[str, Any]) -> float:
    """Seconds per call of a block."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call(*args, **options)
    return (time.perf_counter() - start) / CALLS


#: The calls that are timed: by name, the arguments and the options.
_Kinds = dict[str, tuple[tuple[Any, ...], dict[str, Any]]]


def _kinds() -> _Kinds:
    x, y, z = torch.zeros(4, 128, 64), torch.zeros(4, 16), torch.zeros(4)
    return {
        "one tensor": ((x,), {}),
        "two tensors": ((x, y), {}),
        "three tensors": ((x, y, z), {}),
        "two tensors, one transposed": ((x.transpose(0, 1), y), {}),
        "a tensor and a number": ((x, 1), {}),
        "a tensor and a named number": ((x,), {"dim": 1}),
    }


def _added(kinds: _Kinds) -> dict[str, list[float]]:
    """By kind of call, the seconds that counting adds to it in each round."""
    calls, rng = Calls(), random.Random(0)
    counted = calls.counted("contender", ["nothing"], _nothing)
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name in rng.sample(list(kinds), len(kinds)):
            times = {call: 0.0 for call in (counted, _nothing)}
            for call in rng.sample(list(times), len(times)):
                times[call] = _block(call, *kinds[name])
            found[name].append(times[counted] - times[_nothing])
    return found


def main() -> None:
    """Print what each kind of call gets dearer by."""
    x = torch.zeros(4, 128, 64)
    shape = median([_block(lambda: x.shape, (), {}) for _ in range(ROUNDS)])
    print(f"to read x.shape in a function: {shape * 1e6:.2f} µs, by which to compare machines")
    print(f"{'':30}  added, µs   99% interval")
    for name, added in _added(_kinds()).items():
        interval = median_interval(added)
        ends = f"[{interval.low * 1e6:.2f}, {interval.high * 1e6:.2f}]"
        print(f"{name:30}  {median(added) * 1e6:9.2f}   {ends}")


if __name__ == "__main__":
    main()
