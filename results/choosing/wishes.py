"""What people ask of a choice, whatever the situation is that it is made for."""

from __future__ import annotations

from dataclasses import dataclass

from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.served import Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What people ask of a choice."""

    conditions: Conditions
    #: Of several that lose as little, these run first.
    preferred: tuple[str, ...] = ()
    #: The contender that people use without choosing; "" for none.
    baseline: str = ""
    #: The shapes that weigh the measured ones; these count alike where there is none.
    served: tuple[Served, ...] = ()
