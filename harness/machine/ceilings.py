"""Measure the ceilings of a machine: memory rates by size, matrix products, an empty dispatch.

- Memory: the best of `copy_`, `sum`, `fill_` and `zero_`, on memory allocated beforehand; a copy
  reads half of the bytes and writes the other. Sizes beyond an eighth of the free memory are left
  out.
- Matrix products: a square `torch.mm` of a few milliseconds, in the precision that torch is set to
  (`torch.set_float32_matmul_precision`); dtypes that it can't multiply are left out.
- Dispatch: `Tensor.resolve_conj` of an empty tensor, which goes through the dispatcher once and
  returns the tensor. No op that does anything takes less.

Each rate is that of the fastest of many short blocks. All rates are measured in rounds until the
budget is spent, so that a slow moment of a shared machine doesn't spoil one of them alone.
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import psutil
import torch
from torch import Tensor

from opbench.harness.machine.device import ensure_device, waiter
from opbench.harness.machine.environment import describe
from opbench.results.errors import SelectionError
from opbench.results.records import Ceilings

#: Bytes moved by a call: from what fits the first cache to what fits none.
SIZES = tuple(4096 * 4**step for step in range(10))
DTYPES = ("float32", "bfloat16", "float16", "float64")
#: The blocks of a probe in a round, and the seconds of each.
_BLOCKS = 4
_BLOCK_S = 5e-4
#: The seconds after which a round goes on to the next probe.
_ROUND_S = 2e-2
#: Enough for a matrix product to reach its rate, few enough that many can be made.
_MATMUL_S = 4e-3
_MATMUL_LARGEST = 16384
#: Seconds of warm-up: calls of a threaded op may be 40 times slower until its threads run.
_WARM_S = 5e-3
#: A call that waits for a thread which other processes keep from running returns within this.
_STALL_S = 5e-2
_LEAST_ROUNDS = 2

Call = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    """A call whose rate is measured."""

    kind: Literal["memory", "matmul", "dispatch"]
    #: The size in bytes or the dtype that the rate belongs to; "" for a dispatch.
    of: int | str
    #: Bytes, FLOP or dispatches of a call.
    work: int
    call: Call
    #: Calls in a block.
    calls: int = 1


def measure(
    *,
    device: str = "cpu",
    threads: int | None = None,
    dtypes: Sequence[str] = DTYPES,
    sizes: Sequence[int] = SIZES,
    budget_s: float = 12.0,
    environment_key: str | None = None,
) -> Ceilings:
    """The ceilings of this machine with a number of threads (None: as torch is set).

    dtypes: of matrix products. sizes: bytes moved by a call.
    budget_s: about the seconds that it takes; more of them find faster moments.
    environment_key: by default that of this machine.
    Raises UnsupportedError where there is no such device, SelectionError for a dtype that doesn't
    exist.
    """
    ensure_device(device)
    key = describe().key if environment_key is None else environment_key
    threads = torch.get_num_threads() if threads is None else threads
    end = time.perf_counter() + budget_s
    # Inference mode: no bookkeeping of autograd's in the way.
    with _threads(threads), torch.inference_mode():
        probes = _probes(device, dtypes=dtypes, sizes=sizes)
        times = _fastest(probes, waiter(device), end=end)
    rates = _rates(probes, times)
    return Ceilings(
        environment_key=key,
        device=device,
        threads=threads,
        memory=tuple(sorted((int(of), rate) for of, rate in rates["memory"].items())),
        matmul=tuple(sorted((str(of), rate) for of, rate in rates["matmul"].items())),
        dispatch_s=1 / rates["dispatch"][""],
    )


def _probes(device: str, *, dtypes: Sequence[str], sizes: Sequence[int]) -> list[_Probe]:
    """All probes, each with its block size."""
    wait = waiter(device)
    empty = torch.empty(0, device=device)
    probes = (
        *_memory_probes(device, sizes),
        *_matmul_probes(device, dtypes, wait),
        _Probe(kind="dispatch", of="", work=1, call=empty.resolve_conj),
    )
    return [_with_block_size(probe, wait) for probe in probes]


def _memory_probes(device: str, sizes: Sequence[int]) -> Iterator[_Probe]:
    """Each way of moving bytes, for each size, all in one buffer."""
    limit = _free_bytes(device) // 8
    # Whole pairs of floats; the sizes that are reported are rounded alike.
    fitting = sorted({size // 8 * 8 for size in sizes if 8 <= size <= limit})
    if not fitting:
        return
    buffer = torch.ones(fitting[-1] // 4, device=device)
    total = torch.empty((), device=device)
    for size in fitting:
        for call in _moves(buffer[: size // 4], total):
            yield _Probe(kind="memory", of=size, work=size, call=call)


def _moves(memory: Tensor, total: Tensor) -> tuple[Call, ...]:
    """The ways of moving the bytes of `memory`; `total` takes its sum."""
    source, target = memory.chunk(2)
    return (
        lambda: target.copy_(source),
        lambda: torch.sum(memory, 0, out=total),
        lambda: memory.fill_(1.0),
        # Cheaper to call than fill_, and a plain memset on a CPU.
        memory.zero_,
    )


def _matmul_probes(device: str, dtypes: Sequence[str], wait: Call) -> Iterator[_Probe]:
    """A matrix product for each dtype that the device can multiply."""
    for name in dtypes:
        dtype = getattr(torch, name, None)
        if not isinstance(dtype, torch.dtype):
            raise SelectionError(f"torch has no dtype {name!r}")
        if _multiplies(device, dtype):
            side, call = _matmul(device, dtype, wait)
            yield _Probe(kind="matmul", of=name, work=2 * side**3, call=call)


def _multiplies(device: str, dtype: torch.dtype) -> bool:
    """Whether the device can multiply matrices of this dtype: torch shows it only by trying."""
    try:
        _product(device, dtype, 16)()
    except (RuntimeError, TypeError):
        return False
    return True


def _matmul(device: str, dtype: torch.dtype, wait: Call) -> tuple[int, Call]:
    """The side of a square product that takes a few milliseconds, and the product.

    Found by doubling from below: half precision may be a hundred times slower than the rest.
    """
    side = 64
    limit = _free_bytes(device) // 8
    before = 0.0
    while True:
        call = _product(device, dtype, side)
        # In the first call kernels are chosen, or even compiled.
        _seconds(call, 1, wait)
        took = min(_seconds(call, 1, wait) for _ in range(3))
        bytes_of_next = 3 * (2 * side) ** 2 * dtype.itemsize
        if side >= _MATMUL_LARGEST or bytes_of_next > limit or _is_long(took, before):
            return side, call
        side, before = 2 * side, took


def _is_long(took: float, before: float) -> bool:
    """Whether a product takes long enough; `before` are the seconds of half the side.

    While its threads have to share a core, every product takes some milliseconds. The time is that
    of the product if it has grown with the work, which is eightfold.
    """
    grown = 2 * before < took < 32 * before
    return took >= _STALL_S or (took >= _MATMUL_S and grown)


def _product(device: str, dtype: torch.dtype, side: int) -> Call:
    """A product of two square matrices, into memory allocated beforehand."""
    # A generator of its own: measuring must not change the numbers that others draw.
    generator = torch.Generator(device).manual_seed(0)
    one, other = (
        torch.rand(side, side, generator=generator, device=device).to(dtype) for _ in range(2)
    )
    result = torch.empty_like(one)
    return lambda: torch.mm(one, other, out=result)


def _with_block_size(probe: _Probe, wait: Call) -> _Probe:
    """The probe with as many calls as fill a block, once its threads and caches are warm."""
    end = time.perf_counter() + _WARM_S
    while time.perf_counter() < end:
        _seconds(probe.call, 1, wait)
    calls = 1
    while min(_seconds(probe.call, calls, wait) for _ in range(2)) < _BLOCK_S:
        calls *= 2
    return dataclasses.replace(probe, calls=calls)


def _fastest(probes: Sequence[_Probe], wait: Call, *, end: float) -> list[float]:
    """Seconds per call of each probe, the least of all its blocks until the time is up."""
    best = [float("inf")] * len(probes)
    order = list(range(len(probes)))
    # Drawn anew each round: a small probe is twice as slow for a while after a large product.
    rng = random.Random(0)
    rounds = 0
    while rounds < _LEAST_ROUNDS or time.perf_counter() < end:
        rng.shuffle(order)
        for place in order:
            best[place] = min(best[place], _round(probes[place], wait))
        rounds += 1
    return best


def _round(probe: _Probe, wait: Call) -> float:
    """Seconds per call in the best of a few blocks, or of the one call that fills a round."""
    end = time.perf_counter() + _ROUND_S
    # The probe before has cooled the caches; to a call that is this long they mean nothing.
    best = _seconds(probe.call, 1, wait)
    for _ in range(_BLOCKS):
        if time.perf_counter() >= end:
            break
        best = min(best, _seconds(probe.call, probe.calls, wait) / probe.calls)
    return best


def _seconds(call: Call, calls: int, wait: Call) -> float:
    """Seconds that a number of calls take, waiting for the device included."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    wait()
    return time.perf_counter() - start


def _rates(probes: Sequence[_Probe], times: Sequence[float]) -> dict[str, dict[int | str, float]]:
    """Work per second of the fastest way, by kind and by size or dtype."""
    rates: dict[str, dict[int | str, float]] = {"memory": {}, "matmul": {}, "dispatch": {}}
    for probe, time_s in zip(probes, times, strict=True):
        kind = rates[probe.kind]
        kind[probe.of] = max(kind.get(probe.of, 0.0), probe.work / time_s)
    return rates


def _free_bytes(device: str) -> int:
    """The free memory of the device."""
    if torch.device(device).type == "cpu":
        return int(psutil.virtual_memory().available)
    return int(torch.accelerator.get_memory_info(device)[0])


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Compute on so many threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
