"""The record of why one contender is slower than another: the evidence, and the causes ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from opbench.results.records.case import Case
from opbench.results.records.outcome import OptionalSide

#: What makes a contender slower. "operator" says where the time goes and not why.
CauseKind = Literal[
    "copy",
    "conversion",
    "dtype",
    "index dtype",
    "fusion",
    "temporary",
    "allocation",
    "page faults",
    "recomputation",
    "scatter",
    "layout",
    "denormals",
    "threads",
    "python",
    "synchronisation",
    "graph break",
    "vectorisation",
    "operator",
]
KINDS: tuple[CauseKind, ...] = get_args(CauseKind)
#: A pass in which evidence is gathered, by itself.
EvidencePass = Literal[
    "resources",
    "tensors",
    "operators",
    "page faults",
    "compiled code",
    "machine code",
    "counters",
    "instructions",
    "allocator",
]
PASSES: tuple[EvidencePass, ...] = get_args(EvidencePass)
#: "none" where the times are equal within the tolerance; "undecided" where that isn't known.
Difference = Literal["slower", "none", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorUse:
    """Calls of one operator at one place with inputs that are alike, per call of the contender."""

    name: str
    #: The operators that called it, the outermost first.
    path: tuple[str, ...]
    #: The sizes, strides and dtype of each tensor among its inputs.
    sizes: tuple[tuple[int, ...], ...]
    strides: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    calls: float
    #: Without the operators that it calls, as the profiler measured it.
    self_time_s: float
    #: Memory that it allocated itself.
    allocated_bytes: float
    #: Pages that it touched first; None where they were not counted.
    page_faults: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was observed of a contender, each pass by itself; numbers are per call."""

    contender: str
    #: The version; "" where there is but one.
    side: OptionalSide = ""
    #: Seconds of a call in the race.
    time_s: float
    #: In the order of their first calls.
    operators: tuple[OperatorUse, ...] = ()
    #: Numbers by name; results/explaining/figures.py says what each is.
    figures: tuple[tuple[str, float], ...] = ()
    #: The passes that gave no evidence, and why.
    missing: tuple[tuple[EvidencePass, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedCause:
    """One reason of a difference, and the part of it that it accounts for."""

    kind: CauseKind
    #: Seconds per call that the slower one takes longer for it.
    seconds: float
    #: The same as a part of the whole difference, 1.0 for all of it.
    share: float
    #: The observation in a sentence, with its numbers.
    evidence: str
    #: The operators that it shows in.
    operators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one contender is slower than another on a case."""

    case: Case
    difference: Difference
    slower: Evidence
    faster: Evidence
    #: The raced ratio of their times, with its interval.
    ratio: float
    low: float
    high: float
    #: The largest first; none where there is no difference.
    causes: tuple[ExplainedCause, ...]
    #: The rest, as a part of the difference; with the shares of all causes it makes 1.
    unexplained: float
    #: Seconds that the evidence took to gather.
    seconds: float

    @property
    def pair(self) -> tuple[Case, frozenset[tuple[str, str]]]:
        """The case, and the two contenders with their sides, in no order."""
        both = (self.slower, self.faster)
        return self.case, frozenset((one.contender, one.side) for one in both)
