"""Rank the causes of a measured difference, each with the share of it that it accounts for.

The measured ratio is the race's; what the passes observed only divides it. Pieces of the difference
are charged to what shows in the operators, except for what was measured of the call as a whole,
denormal numbers, threads and page faults, which takes its seconds from pieces that had no better
reason. The rest is unexplained.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from opbench.results.explaining import whole_call
from opbench.results.explaining.evidence_text import sentence
from opbench.results.explaining.pieces import Contenders, Piece, are_alike, named, pieces
from opbench.results.records import CauseKind, ExplainedCause

#: A cause of a smaller share isn't named: it counts as unexplained.
LEAST_SHARE = 0.05
#: Calls of the same operators on the same differ by so much for where their fresh memory lies: two
#: names for one function were 4% apart for as long as their process lived.
_BY_PLACE = 0.05
#: Kinds of causes whose pieces may have another reason: one of the call as a whole.
_VAGUE: tuple[CauseKind, ...] = ("operator", "fusion")


def causes_of(both: Contenders) -> tuple[tuple[ExplainedCause, ...], float]:
    """The causes, the largest first, and the part of the difference that is unexplained.

    Causes that work against the difference come last, with negative shares.
    """
    whole = both.slower.time_s - both.faster.time_s
    found = _with_whole_call(both, list(pieces(both)))
    if whole <= _BY_PLACE * both.faster.time_s and are_alike(both):
        found = [piece for piece in found if piece.kind not in ("operator", "python")]
    by_kind: dict[CauseKind, list[Piece]] = {}
    for piece in found:
        by_kind.setdefault(piece.kind, []).append(piece)
    causes = [_cause(kind, some, both, whole) for kind, some in by_kind.items()]
    causes = [cause for cause in causes if abs(cause.share) >= LEAST_SHARE]
    causes.sort(key=lambda cause: -cause.seconds)
    return tuple(causes), 1 - sum(cause.share for cause in causes)


def _cause(
    kind: CauseKind, some: Sequence[Piece], both: Contenders, whole: float
) -> ExplainedCause:
    """The cause that pieces of a kind make together.

    whole: the seconds of the difference, which its share is of.
    """
    seconds = sum(piece.seconds for piece in some)
    names = named(piece for piece in some if piece.seconds * seconds > 0)
    return ExplainedCause(
        kind=kind,
        seconds=seconds,
        share=seconds / whole,
        evidence=sentence(kind, names, both),
        operators=names[:8],
    )


def _with_whole_call(both: Contenders, found: list[Piece]) -> list[Piece]:
    """The pieces, some of them charged to what was measured of the call as a whole.

    Denormal numbers may sit in any operator, whatever else is said of it; threads and fresh memory
    have to leave pieces alone for which operators show a reason.
    """
    found = _moved(
        found, "denormals", whole_call.denormals(both.slower, both.faster), any_kind=True
    )
    found = _moved(found, "threads", whole_call.threads(both.slower, both.faster))
    return _moved(found, "page faults", whole_call.page_faults(both.slower, both.faster))


def _moved(
    found: Iterable[Piece], kind: CauseKind, seconds: float, *, any_kind: bool = False
) -> list[Piece]:
    """The pieces with so many seconds of them charged to another kind of cause, as far as it fits.

    Operators that both contenders have come first. any_kind: whether all pieces may be charged
    anew, and not those alone that have no better reason.
    """
    moved: list[Piece] = []
    for piece in sorted(found, key=lambda piece: not piece.is_paired):
        # Memory is also given back outside of operators, when tensors die.
        is_freeing = kind == "page faults" and piece.names == ("",)
        is_open = any_kind or piece.kind in _VAGUE or is_freeing
        part = min(max(piece.seconds, 0.0), seconds) if is_open else 0.0
        if part > 0:
            seconds -= part
            moved.append(replace(piece, kind=kind, seconds=part))
        moved.append(replace(piece, seconds=piece.seconds - part))
    return moved
