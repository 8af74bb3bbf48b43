"""An interval that a number lies in: apart from what makes one, which takes numpy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, and the ends of its confidence interval."""

    value: float
    #: 0 or infinite where nothing is known.
    low: float
    high: float

    @property
    def relative_width(self) -> float:
        """Half the width of the interval, relative to the estimate."""
        return (self.high - self.low) / (2 * self.value)
