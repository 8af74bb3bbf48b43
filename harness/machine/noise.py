"""Warn of disturbances of measurements on this machine right now.

Probing (`probe`) is apart from diagnosing (`diagnose`), so that every warning can be tested without
its cause.
"""

from __future__ import annotations

from collections.abc import Iterator

from opbench.harness.machine.probe import Readings, probe

_OTHERS_CORES = 0.1
_STEAL_SHARE = 0.02
_LOW_MEMORY_SHARE = 0.1


def warnings(*, threads: int, watch_s: float = 0.25) -> tuple[str, ...]:
    """Warnings for a measurement on `threads` threads, from a probe of `watch_s` seconds."""
    return diagnose(probe(threads=threads, watch_s=watch_s))


def diagnose(readings: Readings) -> tuple[str, ...]:
    """A warning for each disturbance: what it is, why it matters, and what to do."""
    return (*_of_software(readings), *_of_cores(readings), *_of_machine(readings))


def _of_software(readings: Readings) -> Iterator[str]:
    """Warnings of builds, instrumentation and libraries."""
    if readings.debug_builds:
        yield (
            f"Debug build of {' and '.join(readings.debug_builds)}: overheads are far too large. "
            "Measure with a release build."
        )
    if readings.instrumentation:
        yield (
            f"Python is watched by {' and '.join(readings.instrumentation)}, which slows every "
            "call. Run without."
        )
    if len(readings.openmp) > 1:
        yield (
            f"{len(readings.openmp)} OpenMP runtimes are loaded ({', '.join(readings.openmp)}): "
            "their threads fight for the cores. Import fewer libraries, or make them share one."
        )


def _of_cores(readings: Readings) -> Iterator[str]:
    """Warnings of more threads than cores, or other numbers of threads."""
    if readings.threads > readings.usable_cores:
        yield (
            f"{readings.threads} threads for {readings.usable_cores} usable cores would wait for "
            "each other. Ask for fewer, or let the process run on more cores (taskset)."
        )
    if readings.quota_cores is not None and readings.threads > readings.quota_cores:
        yield (
            f"{readings.threads} threads with a quota of {readings.quota_cores:g} cores' time "
            "(control group) would be halted again and again. Ask for fewer, or raise the quota."
        )
    contrary = [
        f"{name}={value}"
        for name, value in readings.thread_variables
        if value.partition(",")[0].strip() != str(readings.threads)
    ]
    if contrary:
        yield (
            f"{' and '.join(contrary)} contradicts the {readings.threads} threads asked for: "
            "libraries beside torch follow the environment. Unset it, or make them equal."
        )


def _of_machine(readings: Readings) -> Iterator[str]:
    """Warnings of other processes, the host, the clock and memory."""
    if readings.others_cores > _OTHERS_CORES:
        name, cores = readings.busiest or ("", 0.0)
        busiest = f", {name} alone {cores:.0%}" if name else ""
        fewer = fewer_threads(readings.threads, readings.usable_cores)
        yield (
            f"Other processes use {readings.others_cores:.0%} of a core{busiest}: times get longer "
            f"and scatter. Stop them, or wait{fewer}."
        )
    if readings.steal_share > _STEAL_SHARE:
        yield (
            f"The host withholds {readings.steal_share:.0%} of this virtual machine's time "
            "(steal): times get longer at random. Measure later, or on a machine of your own."
        )
    slow = [name for name in readings.governors if name != "performance"]
    if slow:
        yield (
            f"The frequency governor is {' and '.join(slow)}: the clock follows the load, and "
            "times drift. Set it with: cpupower frequency-set -g performance."
        )
    if readings.swapped_bytes and readings.available_share < _LOW_MEMORY_SHARE:
        yield (
            f"Memory is short ({readings.available_share:.0%} available) and "
            f"{readings.swapped_bytes / 2**30:.1f} GiB are swapped out: tensors may be read from "
            "disk. Free some memory."
        )
    if readings.on_battery:
        yield "The machine runs on its battery, which lowers and varies the clock. Plug it in."


def fewer_threads(threads: int, usable_cores: int) -> str:
    """The advice to use fewer threads, where they use every core; else ""."""
    if threads < 2 or threads < usable_cores:
        return ""
    return "; or race with --threads 1: threads on every core wait for those that others have"
