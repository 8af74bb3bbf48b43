"""The operators of two contenders side by side, by their place in the call and what they work on.

Names alone don't tell: two operators belong together where the ones around them do and the sizes
and dtypes are the same; within what is left, by their names in order. The rest has no counterpart.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from opbench.results.explaining.parts import Part


@dataclass(frozen=True, slots=True)
class Pair:
    """An operator of the slower contender and its counterpart."""

    slow: Part
    fast: Part


@dataclass(frozen=True, slots=True)
class Gap:
    """Operators at one place of the call without a counterpart; either side may have none."""

    slow: tuple[Part, ...]
    fast: tuple[Part, ...]


def align(slow: Sequence[Part], fast: Sequence[Part]) -> tuple[tuple[Pair, ...], tuple[Gap, ...]]:
    """Counterparts, and the gaps between them; each part of both sides is in one of them.

    slow, fast: in the order of their first calls, in which counterparts have to stand as well.
    """
    pairs: list[Pair] = []
    gaps: list[Gap] = []
    for some in _matched(slow, fast, _whole):
        if isinstance(some, Pair):
            pairs.append(some)
            continue
        for rest in _matched(some.slow, some.fast, _name):
            pairs.append(rest) if isinstance(rest, Pair) else gaps.append(rest)
    return tuple(pairs), tuple(gaps)


def _matched(
    slow: Sequence[Part], fast: Sequence[Part], key: Callable[[Part], Hashable]
) -> Iterator[Pair | Gap]:
    """Pairs of equal keys in order, and what lies between.

    key: what counterparts have in common.
    """
    keys = ([key(part) for part in slow], [key(part) for part in fast])
    for tag, a, b, c, d in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Pair(*both) for both in zip(slow[a:b], fast[c:d], strict=True))
        else:
            yield Gap(tuple(slow[a:b]), tuple(fast[c:d]))


def _whole(part: Part) -> Hashable:
    """Name, caller, sizes and dtypes."""
    return part.use.name, part.use.path[-1:], part.use.sizes, part.use.dtypes


def _name(part: Part) -> Hashable:
    """Name and caller."""
    return part.use.name, part.use.path[-1:]
