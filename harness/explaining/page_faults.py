"""The pages that each operator of a call touches first, counted by the profiler.

The counts stand in the trace alone, whose operators are those of the event tree in the same order.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch._C._profiler import _ExperimentalConfig
from torch.autograd import profiler

from opbench.harness.explaining.operators import Key, key_of, walk
from opbench.harness.explaining.perf_events import PAGE_FAULTS, ensure_countable
from opbench.results.errors import UnsupportedError
from opbench.results.records import OperatorUse
from opbench.results.statistics.intervals import median

#: Calls that are traced; the first, which still gets memory that others left, is left out.
_CALLS = 4


def gather(call: Callable[[], object]) -> tuple[OperatorUse, ...]:
    """The operators of a call with their page faults, and nothing else known of them.

    Raises UnsupportedError where the kernel doesn't count them.
    """
    ensure_countable(PAGE_FAULTS)
    config = _ExperimentalConfig(performance_events=["pagefaults"])
    with profiler.profile(record_shapes=True, experimental_config=config) as profiled:
        for number in range(_CALLS):
            with profiler.record_function(f"call#{number}"):
                call()
    assert profiled.kineto_results is not None
    roots = [
        root
        for root in profiled.kineto_results.experimental_event_tree()
        if root.name.startswith("call#")
    ]
    counts = _counts(profiled)
    found: dict[Key, list[float]] = {}
    for number, root in enumerate(roots):
        _add(root, next(counts, None), counts, number, found)
    return tuple(
        OperatorUse(
            name=name,
            path=path,
            sizes=sizes,
            strides=strides,
            dtypes=dtypes,
            calls=0.0,
            self_time_s=0.0,
            allocated_bytes=0.0,
            page_faults=median(per_call[1:]),
        )
        for (path, name, sizes, strides, dtypes), per_call in found.items()
    )


def _add(
    root: Any,
    first: tuple[str, int] | None,
    counts: Iterator[tuple[str, int]],
    number: int,
    found: dict[Key, list[float]],
) -> None:
    """Add the operators of a call, each without what it calls.

    counts: of the trace, whose order is that of the tree. Raises UnsupportedError where it isn't:
    then no count could be given to an operator.
    """
    if first is None or first[0] != root.name:
        raise UnsupportedError("not available: the trace and its tree differ")
    chain: dict[tuple[str, ...], Key] = {}
    for path, event in walk(root):
        name, count = next(counts, ("", 0))
        if name != event.name:
            raise UnsupportedError("not available: the trace and its tree differ")
        key = key_of(path, event)
        found.setdefault(key, [0.0] * _CALLS)[number] += count
        if path in chain:
            found[chain[path]][number] -= count
        chain[(*path, key[1])] = key


def _counts(profiled: Any) -> Iterator[tuple[str, int]]:
    """The name of each operator of a trace, and its page faults with those of what it calls."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiled.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    known = [event for event in events if event.get("cat") in ("cpu_op", "user_annotation")]
    known.sort(key=lambda event: (event["ts"], -event["dur"]))
    yield from ((event["name"], int(event["args"].get("pagefaults", 0))) for event in known)
