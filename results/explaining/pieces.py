"""The difference of two calls in pieces, each with the kind of cause that it is charged to.

Pieces add up to the difference: every part of either call is in exactly one of them. A piece is
negative where it works against the difference. What the faster contender does in place of
operators of the slower one is charged to the same kind of cause as these: a cause is no larger than
what it costs more.

What lies between the graphs of a compiler is Python, and operators that would have been compiled:
without the break neither would be there. Of compiled code the profiler sees one region, whatever it
holds, so that kernels are counted by the compiler. A loop that takes a number out of a tensor in
each turn is there for the numbers: without them it could be one operator. An operator that is
called again did the same work again; a copy or a conversion, which always does, is charged as that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from opbench.results.explaining.alignment import Gap, Pair, align
from opbench.results.explaining.families import Family, family_of
from opbench.results.explaining.figures import figures_of, repeated
from opbench.results.explaining.parts import Call, Part, parts_of
from opbench.results.explaining.whole_call import breaks_graph, loses_vectors
from opbench.results.records import CauseKind, Evidence, OperatorUse

#: An operator is in a loop from so many calls on, and so many times those of the counterpart.
_LOOP_CALLS, _LOOP_TIMES = 8.0, 3.0
#: An operator that takes less is what it costs to call one, whatever it computes.
_SMALL_S = 4e-6
#: What isn't fused moves so many times the bytes at least.
_MORE_TRAFFIC = 1.15
#: Of so many numbers, 128 KiB and more, an allocator may give the memory back after each call.
_FRESH = 1 << 15
#: A tensor is wider than others from so many times their elements on.
_WIDER = 2.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Seconds of the difference, and the kind of cause that they are charged to."""

    kind: CauseKind
    seconds: float
    #: The operators that they were spent in, by the slower contender; "" outside of any.
    names: tuple[str, ...]
    #: Whether both contenders have these operators, on the same.
    is_paired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenders:
    """Two contenders, and their calls in parts."""

    slower: Evidence
    faster: Evidence
    slow: Call = field(init=False)
    fast: Call = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slow", parts_of(self.slower))
        object.__setattr__(self, "fast", parts_of(self.faster))

    @property
    def widest(self) -> int:
        """The elements of the largest tensor that the faster one works on or makes."""
        made = figures_of(self.faster).get("largest_elements", 0.0)
        result = figures_of(self.slower).get("output_elements", 0.0)
        return max(int(max(made, result)), *(part.elements for part in self.fast.parts), 1)


def pieces(both: Contenders) -> Iterator[Piece]:
    """The pieces of the difference between two calls.

    Every operator of either call is in one of them, and so is the time outside of operators, so
    that their seconds add up to the difference of the raced times.
    """
    pairs, gaps = align(both.slow.parts, both.fast.parts)
    retyped = any(_is_retyped(pair) for pair in pairs)
    waits = _waits_in_loop(both)
    found = [
        *(piece for pair in pairs for piece in _of_pair(pair, both, retyped)),
        *(piece for gap in gaps for piece in _of_gap(gap, both, retyped)),
        Piece(_outside(both), both.slow.outside_s - both.fast.outside_s, ("",)),
    ]
    for piece in found:
        if piece.kind == "python" and waits:
            piece = Piece("synchronisation", piece.seconds, piece.names)
        yield _of_compiler(piece, both)


def are_alike(both: Contenders) -> bool:
    """Whether both call the same operators as often on the same, and that in fresh memory."""
    pairs, gaps = align(both.slow.parts, both.fast.parts)
    if gaps or not pairs or any(_differ(pair.slow.use, pair.fast.use) for pair in pairs):
        return False
    return both.widest >= _FRESH


def _differ(slow: OperatorUse, fast: OperatorUse) -> bool:
    """Whether two uses of an operator differ in anything but time."""
    of_slow, of_fast = ((u.calls, u.sizes, u.strides, u.dtypes) for u in (slow, fast))
    return of_slow != of_fast


def _outside(both: Contenders) -> CauseKind:
    """What time outside of all operators is charged to: Python, or machine code called from it."""
    if "packed_share" not in figures_of(both.slower):
        return "python"
    return "vectorisation" if loses_vectors(both.slower, both.faster) else "operator"


def _of_compiler(piece: Piece, both: Contenders) -> Piece:
    """The piece, charged to a graph break where there is one."""
    if breaks_graph(both.slower, both.faster) and not piece.is_paired:
        return Piece("graph break", piece.seconds, piece.names)
    return piece


def _of_pair(pair: Pair, both: Contenders, retyped: bool) -> Iterator[Piece]:
    """The pieces of an operator that both have.

    Calls beyond those of the counterpart are one piece, what the others take longer is another.
    """
    seconds = pair.slow.seconds - pair.fast.seconds
    names = (pair.slow.use.name,)
    more = pair.slow.use.calls - pair.fast.use.calls
    if _is_looped(pair.slow, pair.fast.use.calls):
        yield Piece("python", seconds, names)
    elif more > 0 and (repeated(figures_of(both.slower), names[0]) or _is_heavy(pair.slow)):
        each = pair.slow.seconds / pair.slow.use.calls
        yield Piece(_of_more_calls(pair.slow, both, retyped), min(each * more, seconds), names)
        yield Piece("operator", seconds - min(each * more, seconds), names, is_paired=True)
    else:
        yield Piece(_of_slower_pair(pair, both), seconds, names, is_paired=True)


def _of_more_calls(part: Part, both: Contenders, retyped: bool) -> CauseKind:
    """Why an operator is called more often than its counterpart, though not in a loop."""
    if repeated(figures_of(both.slower), part.use.name):
        return "recomputation"
    kind = _direct(family_of(part), retyped)
    return kind or "recomputation"


def _of_slower_pair(pair: Pair, both: Contenders) -> CauseKind:
    """Why an operator is slower than its counterpart: what it works on differs, or is unknown."""
    slow, fast = pair.slow.use, pair.fast.use
    if _is_retyped(pair):
        return "index dtype" if _only_integers_differ(pair) else "dtype"
    if pair.slow.elements > _WIDER * max(pair.fast.elements, 1):
        return "temporary"
    if _strided(slow.sizes, slow.strides) > _strided(fast.sizes, fast.strides):
        return "layout"
    if loses_vectors(both.slower, both.faster) and not slow.name.startswith("aten::"):
        return "vectorisation"
    return "operator"


def _of_gap(gap: Gap, both: Contenders, retyped: bool) -> Iterator[Piece]:
    """The pieces of operators without a counterpart; the faster one's count against them.

    Copies, conversions and the like are charged as such, one by one. What computes is charged to
    what all of the gap shows together, as missing fusion can't be seen in a single operator.
    """
    computed = [part for part in gap.slow if family_of(part) == "compute"]
    looped = [part for part in gap.slow if _is_looped(part, 0.0)]
    for part in gap.slow:
        if part in looped and family_of(part) != "synchronisation":
            yield Piece("python", part.seconds, (part.use.name,))
        elif part not in computed:
            kind = _direct(family_of(part), retyped) or "python"
            yield Piece(kind, part.seconds, (part.use.name,))
    computed = [part for part in computed if part not in looped]
    kind = _of_computing(gap, computed, both)
    for part in computed:
        is_small = kind == "operator" and part.seconds < _SMALL_S * part.use.calls
        yield Piece("python" if is_small else kind, part.seconds, (part.use.name,))
    yield from _against(gap, computed, kind, retyped)


def _against(gap: Gap, computed: list[Part], kind: CauseKind, retyped: bool) -> Iterator[Piece]:
    """The negative pieces of a gap: what the faster contender does in its place."""
    scattered = any(family_of(part) == "scatter" for part in gap.slow)
    for part in gap.fast:
        own = _direct(family_of(part), retyped)
        instead: CauseKind = kind if computed else "scatter" if scattered else own or "operator"
        yield Piece(instead, -part.seconds, (part.use.name,))


def _of_computing(gap: Gap, computed: list[Part], both: Contenders) -> CauseKind:
    """Why the slower contender computes something that the faster one doesn't.

    The clearest sign decides: a number that is waited for, an accumulation by index, a tensor wider
    than any of the other's, a result that was there already, scalar machine code, more kernels.
    """
    if any(family_of(part) == "synchronisation" for part in gap.slow):
        return "synchronisation"
    if any(family_of(part) == "scatter" for part in gap.slow):
        return "scatter"
    made = figures_of(both.slower).get("largest_elements", 0.0)
    if max([made, *(float(part.elements) for part in computed)]) > _WIDER * both.widest:
        return "temporary"
    if any(repeated(figures_of(both.slower), part.use.name) for part in computed):
        return "recomputation"
    own = any(not part.use.name.startswith("aten::") for part in computed)
    if own and loses_vectors(both.slower, both.faster):
        return "vectorisation"
    count = sum(part.use.calls for part in computed if _is_heavy(part))
    is_fused = count > _kernels(gap, both) and _moves_more(both)
    return "fusion" if is_fused else "operator"


def _moves_more(both: Contenders) -> bool:
    """Whether the slower contender's operators move clearly more bytes, as far as is known."""
    slow, fast = (figures_of(one).get("traffic_bytes") for one in (both.slower, both.faster))
    return slow is None or fast is None or slow > _MORE_TRAFFIC * fast


def _kernels(gap: Gap, both: Contenders) -> float:
    """How many kernels the faster contender has in a gap."""
    compiled = figures_of(both.faster).get("compiled_kernels")
    own = sum(part.use.calls for part in gap.fast if family_of(part) == "compute")
    return compiled if compiled else own


def _direct(family: Family, retyped: bool) -> CauseKind | None:
    """The kind of cause that an operator's family is by itself; None for what computes, and views.

    Conversions belong to the other dtype where operators work in one: they come with it.
    """
    match family:
        case "conversion":
            return "dtype" if retyped else "conversion"
        case "copy" | "allocation" | "synchronisation" | "scatter":
            return family
        case _:
            return None


def _waits_in_loop(both: Contenders) -> bool:
    """Whether the slower contender takes a number out of a tensor in each turn of a loop."""
    return any(
        family_of(part) == "synchronisation" and part.use.calls >= _LOOP_CALLS
        for part in both.slow.parts
    )


def _is_looped(part: Part, others: float) -> bool:
    """Whether an operator is called in a loop, and its counterpart isn't, or by far not so often.

    others: the calls of the counterpart.
    """
    return part.use.calls >= max(_LOOP_CALLS, _LOOP_TIMES * others)


def _is_heavy(part: Part) -> bool:
    """Whether an operator works on more than a few numbers, as far as is known."""
    return part.elements > 1 or not part.use.sizes


def _is_retyped(pair: Pair) -> bool:
    """Whether two operators work on the same sizes in other dtypes."""
    return sorted(set(pair.slow.use.dtypes)) != sorted(set(pair.fast.use.dtypes))


def _only_integers_differ(pair: Pair) -> bool:
    """Whether the floating-point dtypes of a pair are the same."""
    slow, fast = (
        {name for name in part.use.dtypes if "float" in name} for part in (pair.slow, pair.fast)
    )
    return slow == fast


def _strided(sizes: Iterable[tuple[int, ...]], strides: Iterable[tuple[int, ...]]) -> int:
    """The elements of those tensors that aren't contiguous."""
    both = zip(sizes, strides, strict=True)
    return sum(math.prod(size) for size, stride in both if not _is_contiguous(size, stride))


def _is_contiguous(size: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Whether elements lie one after the other; of repeated ones that isn't asked."""
    expected = 1
    for length, step in zip(reversed(size), reversed(stride), strict=True):
        if length > 1 and step not in (expected, 0):
            return False
        expected *= length
    return True


def named(pieces_of_kind: Iterable[Piece]) -> tuple[str, ...]:
    """The operators of some pieces, the one that takes most first, each once."""
    seconds: dict[str, float] = {}
    for piece in pieces_of_kind:
        for name in piece.names:
            seconds[name] = seconds.get(name, 0.0) + abs(piece.seconds)
    return tuple(name for name in sorted(seconds, key=lambda n: -seconds[n]) if name)
