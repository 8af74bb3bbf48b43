"""Time contenders of one version in single blocks, each when it is requested.

Where two versions can't share a process, each is timed so in a process of its own, while the other
is suspended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch

from opbench.harness.execution.messages import Job, TimeRequest
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import clock_of
from opbench.harness.execution.version_calls import BoundCall, bind, mixed_refusal, workload_of
from opbench.harness.outcomes import catch
from opbench.harness.timing import injected_slowdown, interleaving
from opbench.harness.timing.blocks import BlockSize, Call, pilot, primed_block
from opbench.harness.timing.cache_flush import cache_flush
from opbench.harness.versions.loaded import LoadedVersion, LoadedVersions
from opbench.results.records import SIDES, Case, Failed, Outcome, Unsupported


@dataclass(frozen=True, slots=True)
class Blocks:
    """A contender that is timed in blocks on request."""

    call: Call
    size: BlockSize
    #: As that of `BoundCall`.
    recheck: Callable[[], interleaving.Excluded | None]


def ready_blocks(
    loaded: LoadedVersions, version: LoadedVersion, job: Job, observer: Observer
) -> dict[str, Blocks]:
    """Prepare the contenders of a case to be timed in blocks, and give those that run.

    The outcomes of the others go to the observer.
    """
    case, ready = job.race.case, {}
    loaded.activate(version)
    torch.set_num_threads(case.threads)
    workload = catch("inputs", partial(workload_of, version, case, job.checked))
    for name in job.race.contenders:
        observer.begin(name, "prepare")
        bound: BoundCall | Outcome
        if isinstance(workload, Failed | Unsupported):
            bound = workload
        else:
            bound = bind(workload, version.catalog.impl(case.op, name), case)
        bound = mixed_refusal(loaded, version) or bound
        blocks = _warmed_up(name, bound, job) if isinstance(bound, BoundCall) else bound
        if isinstance(blocks, Blocks):
            ready[name] = blocks
        else:
            observer.done(name, blocks)
    return ready


def _warmed_up(name: str, bound: BoundCall, job: Job) -> Blocks | Outcome:
    """A contender after its warm-up calls, slowed down if that is asked for."""
    call, clock = bound.call, clock_of(job.race.case)
    if name in job.injected:
        both: dict[str, Call] = dict.fromkeys(SIDES, call)
        call = injected_slowdown.slowed(both, job.injected[name], clock)[job.side]
    call_s = catch("warm-up", partial(pilot, call, clock, job.policy))
    if not isinstance(call_s, float):
        return call_s
    # As many warm-up calls as timed ones: between two blocks the caches were another's.
    calls = max(1, round(job.policy.block_s / max(call_s, 1e-9)))
    return Blocks(call, BlockSize(calls, calls), bound.recheck)


def time_blocks(
    blocks: Mapping[str, Blocks],
    case: Case,
    observer: Observer,
    *,
    receive: Callable[[], TimeRequest],
    send: Callable[[float], None],
) -> None:
    """Time a block of each contender that is requested, and send its seconds per call.

    Ends with the request of ""; the outcomes of those whose answers are wrong by then go to the
    observer.
    """
    clock = clock_of(case)
    flush = cache_flush(case.device) if case.cache == "cold" else None
    while (name := receive().contender) != "":
        observer.begin(name, "race")
        contender = blocks[name]
        reading = primed_block(contender.call, contender.size, clock, flush=flush)
        send(reading.host_s / contender.size.calls)
    for name, contender in blocks.items():
        observer.begin(name, "race")
        wrong = contender.recheck()
        if wrong is not None:
            observer.done(name, wrong)
