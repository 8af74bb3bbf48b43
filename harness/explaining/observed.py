"""What one pass observed of a contender. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from opbench.results.records import EvidencePass, OperatorUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The evidence of one pass, or why there is none."""

    part: EvidencePass
    operators: tuple[OperatorUse, ...] = ()
    #: Numbers by name, see results/explaining/figures.py.
    figures: tuple[tuple[str, float], ...] = ()
    #: Why there is no evidence; "" where there is.
    missing: str = ""
