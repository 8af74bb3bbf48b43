"""Causes that show in the call as a whole: what it saves with one thing changed.

Each is a saving of the slower contender beyond that of the faster one, in seconds per call. These
are experiments and not observations: the same call was timed with and without one thing, in turn,
so that no rule about operators is needed to say what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping

from opbench.results.explaining.figures import figures_of
from opbench.results.records import Evidence

#: A ratio has to change by so much to be more than the scatter of its measurement.
_CLEAR = 0.08
#: By how much the faster one has to use more threads: over its own time with one.
_SCALES_BETTER = 1.3


def denormals(slower: Evidence, faster: Evidence) -> float:
    """Seconds that denormal numbers cost the slower one more, if it has any."""
    if figures_of(slower).get("denormal_share") == 0.0:
        return 0.0
    return _saved_more(slower, faster, "flushed_ratio")


def page_faults(slower: Evidence, faster: Evidence) -> float:
    """Seconds that fresh memory costs the slower one more.

    Pages that the system hands out are zeroed at their first touch; memory that the allocator kept
    needs neither.
    """
    return _saved_more(slower, faster, "retained_ratio")


def threads(slower: Evidence, faster: Evidence) -> float:
    """Seconds that the slower one would save if it were as much faster with all threads.

    What either gains by them is its time with one thread over its usual time. A contender that
    waits for Python more than for operators gains little, too: seconds are taken only from
    operators that both have, or that have no better reason.
    """
    gains = [figures_of(one).get("threads_1_ratio", 0.0) for one in (slower, faster)]
    if not all(gains) or gains[1] < _SCALES_BETTER * gains[0]:
        return 0.0
    return slower.time_s * (1 - gains[0] / gains[1])


def loses_vectors(slower: Evidence, faster: Evidence) -> bool:
    """Whether the arithmetic of the slower one's own machine code is on vectors far less.

    Instructions are counted as they stand in its libraries: how often each runs isn't known.
    """
    shares = [figures_of(one).get("packed_share") for one in (slower, faster)]
    return None not in shares and shares[0] < 0.5 * shares[1]  # type: ignore[operator]


def breaks_graph(slower: Evidence, faster: Evidence) -> bool:
    """Whether the compiler broke the slower one into more graphs."""
    breaks = [figures_of(one).get("graph_breaks", 0.0) for one in (slower, faster)]
    return breaks[0] > breaks[1]


def _saved_more(slower: Evidence, faster: Evidence, name: str) -> float:
    """Seconds that a change saves the slower one more; name: the figure of its time with it."""
    of_slower, of_faster = (_saved(figures_of(one), name) for one in (slower, faster))
    if of_slower < _CLEAR:
        return 0.0
    return max(0.0, slower.time_s * of_slower - faster.time_s * of_faster)


def _saved(figures: Mapping[str, float], name: str) -> float:
    """The part of the time that is saved; 0 where it wasn't measured."""
    return max(0.0, 1 - figures.get(name, 1.0))
