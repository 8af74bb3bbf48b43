"""The shapes that a program called ops with, as lines of a file.

    {"op": "patch_pooling", "axes": {"B": 4, "S": 2048, "D": 768, "P": 500}, "dtype": "float32",
     "device": "cpu", "requires_grad": true, "strides": {"tokens": [1572864, 768, 1]},
     "options": {}, "via": {"contender": 1200}, "count": 1200, "seconds": 0.9}

`served` reads them, here and as weights: op, axes and count are all that it asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from opbench.results.records.case import AxisValue
from opbench.results.report.counts import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedShape:
    """Calls of an op that are alike."""

    op: str
    #: Without those that a call doesn't show.
    axes: Mapping[str, AxisValue]
    #: Of the main tensor, the first floating-point one: "float32"; "" where there is none.
    dtype: str
    #: "cpu", "cuda:0".
    device: str
    #: Whether gradients were enabled and a tensor asked for one.
    requires_grad: bool
    #: Of each argument that is a tensor, in elements.
    strides: Mapping[str, tuple[int, ...]]
    #: Those that weren't at their default and are no axes.
    options: Mapping[str, AxisValue]
    #: How often by which way: "contender", "dispatch", "catalog.call", or torch's function.
    via: Mapping[str, int]
    count: int
    #: Of all calls together: wall time until each returned, which an accelerator may not wait for.
    seconds: float


@dataclass(frozen=True, slots=True)
class Unread:
    """Calls of which the sizes aren't known."""

    #: What was called: an op, or a function of torch's.
    what: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Recording:
    """What a program called."""

    #: The most served shapes of each op first.
    shapes: tuple[RecordedShape, ...] = ()
    unread: tuple[Unread, ...] = ()
    #: How many graphs torch.compile made; calls within them aren't counted.
    compiled: int = 0

    def text(self) -> str:
        """The lines of the file."""
        return "".join(f"{json.dumps(asdict(shape))}\n" for shape in self.shapes)


def summary(recording: Recording) -> Iterator[str]:
    """What was recorded, a line for each op and for each reason that calls weren't read."""
    for op in dict.fromkeys(shape.op for shape in recording.shapes):
        own = [shape for shape in recording.shapes if shape.op == op]
        calls, seconds = sum(s.count for s in own), sum(s.seconds for s in own)
        different = len({tuple(s.axes.items()) for s in own})
        yield f"{op}: {counted(calls, 'call')} on {counted(different, 'shape')}, {seconds:.3g} s"
    for item in recording.unread:
        yield f"{item.what}: {counted(item.count, 'call')} not read: {item.reason}"
    if recording.compiled:
        yield (
            f"torch.compile made {counted(recording.compiled, 'graph')}, whose calls aren't "
            "counted: with TORCHDYNAMO_DISABLE=1 in the environment they are"
        )
