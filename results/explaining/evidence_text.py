"""Evidence in sentences: what was observed of either contender, with the numbers.

Each sentence holds what its cause was named for, of the slower contender against the faster one.
What wasn't measured of both is left out. Of a cause that works against the difference the sentence
is the same, read the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from opbench.results.explaining.families import family_of
from opbench.results.explaining.figures import figures_of
from opbench.results.explaining.pieces import Contenders
from opbench.results.records import CauseKind

#: Names that a sentence lists.
_LISTED = 4


def sentence(kind: CauseKind, names: Sequence[str], both: Contenders) -> str:
    """What was observed for a cause of some kind; names: the operators that it shows in."""
    return _TEXTS[kind](names, both)


def _listed(names: Sequence[str]) -> str:
    """Some operators, and how many more there are."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _calls(names: Sequence[str], both: Contenders) -> str:
    """How often some operators are called by either contender."""
    counts = [
        sum(part.use.calls for part in call.parts if part.use.name in names)
        for call in (both.slow, both.fast)
    ]
    return f"{_listed(names)}: {counts[0]:g} against {counts[1]:g} calls"


def _figures(name: str, both: Contenders) -> tuple[float, float] | None:
    """A figure of either contender; None where it wasn't measured of both."""
    slow, fast = (figures_of(one).get(name) for one in (both.slower, both.faster))
    return None if slow is None or fast is None else (slow, fast)


def _with_bytes(names: Sequence[str], both: Contenders) -> str:
    """The calls of some operators, and the bytes that all of a call read and write."""
    traffic = _figures("traffic_bytes", both)
    text = _calls(names, both)
    if traffic is None:
        return text
    return f"{text}; a call moves {traffic[0] / 1e6:.3g} MB against {traffic[1] / 1e6:.3g}"


def _dtype(names: Sequence[str], both: Contenders) -> str:
    """The dtypes that some operators work in."""
    dtypes = [
        sorted({d for part in call.parts if part.use.name in names for d in part.use.dtypes})
        for call in (both.slow, both.fast)
    ]
    return f"{_listed(names)}: in {', '.join(dtypes[0])} against {', '.join(dtypes[1]) or 'none'}"


def _layout(names: Sequence[str], both: Contenders) -> str:
    """The inputs of some operators that aren't contiguous, and their bytes."""
    strided = _figures("strided_bytes", both)
    text = f"{_listed(names)}: the same operators on inputs that aren't contiguous"
    if strided is None:
        return text
    return f"{text}, {strided[0] / 1e6:.3g} MB of them against {strided[1] / 1e6:.3g}"


def _temporary(names: Sequence[str], both: Contenders) -> str:
    """The largest tensor, and the memory held at once."""
    largest, peak = _figures("largest_elements", both), _figures("peak_bytes", both)
    text = f"{_listed(names)}: "
    if largest is not None:
        text += f"its largest tensor has {largest[0]:.0f} elements against {largest[1]:.0f}"
    if peak is not None:
        text += f"; {peak[0] / 1e6:.3g} MB held at once against {peak[1] / 1e6:.3g}"
    return text


def _faults(names: Sequence[str], both: Contenders) -> str:
    """Page faults, and what memory that stays with the process saves."""
    faults, kept = _figures("faults", both), figures_of(both.slower).get("retained_ratio")
    text = f"{faults[0]:.0f} page faults against {faults[1]:.0f}" if faults else "page faults"
    return text + (f"; {kept:.0%} of the time if memory stays with the process" if kept else "")


def _threads(names: Sequence[str], both: Contenders) -> str:
    """What either contender gains by its threads, and how many are busy."""
    busy, gains = _figures("busy", both), _figures("threads_1_ratio", both)
    text = ""
    if gains:
        text = f"with one thread it takes {gains[0]:.2f} times as long, the other {gains[1]:.2f}"
    return text + (f"; {busy[0]:.1f} threads busy against {busy[1]:.1f}" if busy else "")


def _denormals(names: Sequence[str], both: Contenders) -> str:
    """What taking denormal numbers for zero saves, and how many there are."""
    flushed = figures_of(both.slower).get("flushed_ratio", 1.0)
    share = _figures("denormal_share", both)
    text = f"{flushed:.0%} of the time if denormal numbers are taken for zero"
    return text + (f"; {share[0]:.1%} of its numbers against {share[1]:.1%}" if share else "")


def _python(names: Sequence[str], both: Contenders) -> str:
    """How many operators are called, and the time outside of them."""
    counts = [sum(part.use.calls for part in call.parts) for call in (both.slow, both.fast)]
    outside = [call.outside_s * 1e6 for call in (both.slow, both.fast)]
    return (
        f"{counts[0]:g} operators a call against {counts[1]:g}; outside of them "
        f"{outside[0]:.3g} µs against {outside[1]:.3g}"
    )


def _breaks(names: Sequence[str], both: Contenders) -> str:
    """Where the compiler gave up, and into how many graphs that broke it."""
    slow, fast = (figures_of(one) for one in (both.slower, both.faster))
    breaks = [one.get("graph_breaks", 0.0) for one in (slow, fast)]
    graphs = [one.get("graphs", 0.0) for one in (slow, fast)]
    return (
        f"{breaks[0]:.0f} graph breaks against {breaks[1]:.0f}, "
        f"{graphs[0]:.0f} graphs against {graphs[1]:.0f}"
    )


def _fusion(names: Sequence[str], both: Contenders) -> str:
    """Operators, bytes and kernels that one pass over the data would do without."""
    kernels = [
        figures_of(one).get("compiled_kernels")
        or sum(p.use.calls for p in call.parts if family_of(p) == "compute")
        for one, call in ((both.slower, both.slow), (both.faster, both.fast))
    ]
    text = _with_bytes(names, both)
    return f"{text}; {kernels[0]:.0f} kernels against {kernels[1]:.0f}"


def _vectors(names: Sequence[str], both: Contenders) -> str:
    """How much of the arithmetic in either's machine code is on vectors."""
    shares = _figures("packed_share", both) or (0.0, 0.0)
    return (
        f"{shares[0]:.0%} of the arithmetic in its machine code is on vectors, of the other's "
        f"{shares[1]:.0%}"
    )


_TEXTS: Mapping[CauseKind, Callable[[Sequence[str], Contenders], str]] = {
    "copy": _with_bytes,
    "conversion": _with_bytes,
    "dtype": _dtype,
    "index dtype": _dtype,
    "fusion": _fusion,
    "temporary": _temporary,
    "allocation": _with_bytes,
    "page faults": _faults,
    "recomputation": _calls,
    "scatter": _calls,
    "layout": _layout,
    "denormals": _denormals,
    "threads": _threads,
    "python": _python,
    "synchronisation": _calls,
    "graph break": _breaks,
    "vectorisation": _vectors,
    "operator": _calls,
}
