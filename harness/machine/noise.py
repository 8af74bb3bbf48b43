"""Warn of disturbances of measurements on this machine right now.

Probing (`probe`) is apart from diagnosing (`diagnose`), so that every warning can be tested without
its cause.
"""

from __future__ import annotations

from collections.abc import Iterator

from opbench.harness.machine.probe import Facts, probe

_OTHERS_CORES = 0.1
_STEAL_SHARE = 0.02
_LOW_MEMORY_SHARE = 0.1


def warnings(*, threads: int, watch_s: float = 0.25) -> tuple[str, ...]:
    """Warnings for a measurement on `threads` threads, from a probe of `watch_s` seconds."""
    return diagnose(probe(threads=threads, watch_s=watch_s))


def diagnose(facts: Facts) -> tuple[str, ...]:
    """A warning for each disturbance: what it is, why it matters, and what to do."""
    return (*_of_software(facts), *_of_cores(facts), *_of_machine(facts))


def _of_software(facts: Facts) -> Iterator[str]:
    """Warnings of builds, instrumentation and libraries."""
    if facts.debug_builds:
        yield (
            f"Debug build of {' and '.join(facts.debug_builds)}: overheads are far too large. "
            "Measure with a release build."
        )
    if facts.instrumentation:
        yield (
            f"Python is watched by {' and '.join(facts.instrumentation)}, which slows every call. "
            "Run without."
        )
    if len(facts.openmp) > 1:
        yield (
            f"{len(facts.openmp)} OpenMP runtimes are loaded ({', '.join(facts.openmp)}): their "
            "threads fight for the cores. Import fewer libraries, or make them share one."
        )


def _of_cores(facts: Facts) -> Iterator[str]:
    """Warnings of more threads than cores, or other numbers of threads."""
    if facts.threads > facts.usable_cores:
        yield (
            f"{facts.threads} threads for {facts.usable_cores} usable cores would wait for each "
            "other. Ask for fewer, or let the process run on more cores (taskset)."
        )
    if facts.quota_cores is not None and facts.threads > facts.quota_cores:
        yield (
            f"{facts.threads} threads with a quota of {facts.quota_cores:g} cores' time (control "
            "group) would be halted again and again. Ask for fewer, or raise the quota."
        )
    contrary = [
        f"{name}={value}"
        for name, value in facts.thread_variables
        if value.partition(",")[0].strip() != str(facts.threads)
    ]
    if contrary:
        yield (
            f"{' and '.join(contrary)} contradicts the {facts.threads} threads asked for: "
            "libraries beside torch follow the environment. Unset it, or make them equal."
        )


def _of_machine(facts: Facts) -> Iterator[str]:
    """Warnings of other processes, the host, the clock and memory."""
    if facts.others_cores > _OTHERS_CORES:
        busiest = f", {facts.busiest[0]} alone {facts.busiest[1]:.0%}" if facts.busiest else ""
        yield (
            f"Other processes use {facts.others_cores:.0%} of a core{busiest}: times get longer "
            f"and scatter. Stop them, or wait{fewer_threads(facts.threads, facts.usable_cores)}."
        )
    if facts.steal_share > _STEAL_SHARE:
        yield (
            f"The host withholds {facts.steal_share:.0%} of this virtual machine's time (steal): "
            "times get longer at random. Measure later, or on a machine of your own."
        )
    slow = [name for name in facts.governors if name != "performance"]
    if slow:
        yield (
            f"The frequency governor is {' and '.join(slow)}: the clock follows the load, and "
            "times drift. Set it with: cpupower frequency-set -g performance."
        )
    if facts.swapped_bytes and facts.available_share < _LOW_MEMORY_SHARE:
        yield (
            f"Memory is short ({facts.available_share:.0%} available) and "
            f"{facts.swapped_bytes / 2**30:.1f} GiB are swapped out: tensors may be read from "
            "disk. Free some memory."
        )
    if facts.on_battery:
        yield "The machine runs on its battery, which lowers and varies the clock. Plug it in."


def fewer_threads(threads: int, usable_cores: int) -> str:
    """The advice to use fewer threads, where they use every core; else ""."""
    if threads < 2 or threads < usable_cores:
        return ""
    return "; or race with --threads 1: threads on every core wait for those that others have"
