"""How often shapes are served: weights for measured ones and a grid, from a file of lines.

    {"op": "patch_pooling", "axes": {"B": 4, "S": 2048, "D": 768, "P": 500}, "count": 1200}

A line without a count is served once; lines of other ops, or with axes that an op lacks, say
nothing. What isn't served at all still counts a little: a rule that is arbitrary there would be
one that loses much once it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opbench.results.choosing.situations import Row, is_size
from opbench.results.errors import SelectionError
from opbench.results.records.input_file import read_input

#: What calls need, and the option that races it.
_TRAINS = ("need gradients", "--pass both")
_INFERS = ("need no gradients", "--pass forward")
#: What a measured shape counts that nobody is served with, as a share of one served.
_UNSERVED = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A shape and how often it is served."""

    op: str
    axes: Mapping[str, float]
    count: float
    #: As an option takes it, with the axes that are no numbers: "B=4,order=torch".
    text: str = ""
    #: "float32"; "" where the line doesn't say.
    dtype: str = ""
    #: Whether the calls needed gradients; None where the line doesn't say.
    requires_grad: bool | None = None


def read_served(path: Path, option: str = "--weights") -> tuple[Served, ...]:
    """The lines of a file. Raises SelectionError, naming the line, for one that is none.

    option: by which the file was given, for the error.
    """
    try:
        lines = read_input(path).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SelectionError(f"{option} {path} cannot be read: {reason}") from error
    found = [_served(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise SelectionError(f"{option} {path}: there is no shape in it")
    return tuple(found)


def _served(line: str, where: str) -> Served:
    """The shape of a line; where: its place, for the error."""
    try:
        data: Any = json.loads(line)
        op, axes, count = data["op"], data["axes"], data.get("count", 1)
        sizes = {str(axis): float(size) for axis, size in axes.items() if is_size(size)}
        is_well = isinstance(op, str) and 0 < float(count) < math.inf and bool(sizes)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        is_well = False
    if not is_well:
        raise SelectionError(
            f'{where}: not a shape with its count: {{"op": "…", "axes": {{"B": 4}}, "count": 12}}'
        )
    text = ",".join(f"{axis}={value}" for axis, value in axes.items())
    dtype, needs = data.get("dtype"), data.get("requires_grad")
    return Served(
        op=op,
        axes=sizes,
        count=float(count),
        text=text,
        dtype=dtype if isinstance(dtype, str) else "",
        requires_grad=needs if isinstance(needs, bool) else None,
    )


def unmet(
    served: Iterable[Served], *, dtypes: Sequence[str], directions: Sequence[str]
) -> Iterator[str]:
    """What calls of an op need that isn't raced, a sentence each with the option that races it.

    served: those of the op; lines that don't say what they need are left aside. dtypes, directions:
    what is raced. A choice says nothing of other calls: a dispatcher runs its fallback there.
    """
    counts: dict[tuple[str, str], float] = {}
    trains = {direction != "forward" for direction in directions}
    for item in served:
        if item.requires_grad is not None and item.requires_grad not in trains:
            need = _TRAINS if item.requires_grad else _INFERS
            counts[need] = counts.get(need, 0.0) + item.count
        if item.dtype and item.dtype not in dtypes:
            need = (f"are in {item.dtype}", f"--dtype {item.dtype} or an input kind of it")
            counts[need] = counts.get(need, 0.0) + item.count
    for (text, option), count in counts.items():
        yield (
            f"{count:g} of the recorded calls {text}, which isn't raced: a dispatcher runs its "
            f"fallback for them; {option} races it"
        )


def most_served(served: Sequence[Served]) -> tuple[tuple[str, str], ...]:
    """Each op and shape once, as an option takes it; of each op the most served first."""
    counts: dict[tuple[str, str], float] = {}
    for item in served:
        counts[item.op, item.text] = counts.get((item.op, item.text), 0.0) + item.count
    return tuple(sorted(counts, key=lambda pair: -counts[pair]))


def weights_of(rows: Sequence[Row], op: str, served: Sequence[Served]) -> dict[str, float]:
    """How much each measured shape counts, 1 in the mean; nothing where none is served.

    Each served shape counts for the nearest measured one, by the logarithms of its sizes.
    """
    counts = dict.fromkeys((row.shape for row in rows), 0.0)
    own = [item for item in served if item.op == op and set(item.axes) <= set(rows[0].axes)]
    for item in own:
        counts[min(rows, key=lambda row, i=item: row.distance(i.axes)).shape] += item.count  # type: ignore[misc]
    total = sum(counts.values())
    if not total:
        return {}
    return {shape: max(count * len(rows) / total, _UNSERVED) for shape, count in counts.items()}
