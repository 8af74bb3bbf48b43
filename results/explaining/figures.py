"""The numbers that evidence holds by name, and what each is. All are per call of the contender."""

from __future__ import annotations

from collections.abc import Mapping

from opbench.results.records import Evidence

#: By name, the meaning. "repeated NAME" is how often an operator's result was there already.
MEANINGS: Mapping[str, str] = {
    "alone_s": "seconds by itself, without the other contender in between",
    "faults": "pages touched for the first time (getrusage)",
    "busy": "processor time over wall time: how many threads are busy",
    "retained_ratio": "time with memory that stays with the process, over the usual time",
    "threads_1_ratio": "time with one thread over the usual time",
    "threads_2_ratio": "time with two threads over the usual time",
    "flushed_ratio": "time with denormal numbers taken for zero, over the usual time; one thread",
    "cold_ratio": "time with cold caches over the time right after another call",
    "traffic_bytes": "bytes that its operators read and write",
    "compulsory_bytes": "bytes that the op's declared cost says have to move",
    "declared_flops": "operations that the op's declared cost says have to be done",
    "ceiling_s": "seconds that the declared work takes at this machine's ceilings",
    "kernels": "operators that aren't views",
    "largest_elements": "elements of the largest tensor that an operator makes",
    "output_elements": "elements of the largest output",
    "strided_bytes": "bytes of inputs of operators that aren't contiguous",
    "denormal_share": "denormal numbers among the elements of inputs, temporaries and outputs",
    "profiled_s": "seconds under the profiler",
    "outside_s": "seconds outside of any operator, under the profiler",
    "event_overhead_s": "seconds by which recording an operator slows a call down",
    "events": "operators that the profiler recorded",
    "peak_bytes": "the most memory held at once",
    "allocated_bytes": "memory allocated",
    "graphs": "graphs that the compiler made",
    "graph_breaks": "places where the compiler gave up and left the rest to Python",
    "compiled_kernels": "kernels that the compiler generated",
    "packed_share": "instructions on vectors among the floating-point arithmetic of its library",
    "arithmetic_instructions": "floating-point instructions in its library, as they stand there",
    "cycles": "processor cycles of the calling thread",
    "instructions": "instructions of the calling thread",
    "cache_misses": "last-level cache misses of the calling thread",
    "simulated_instructions": "instructions, counted by callgrind",
}


def figures_of(evidence: Evidence) -> dict[str, float]:
    """The figures of a contender, by name."""
    return dict(evidence.figures)


def repeated(figures: Mapping[str, float], name: str) -> float:
    """How often an operator was called though its result was there already."""
    return figures.get(f"repeated {name}", 0.0)
