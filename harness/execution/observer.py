"""Who is told how far the contenders of a case are, and what became of them."""

from __future__ import annotations

from typing import Protocol

from opbench.harness.execution.messages import Told


class Witness(Protocol):
    """Is told what goes on in a case."""

    def begin(self, name: str, stage: str) -> None:
        """A contender ("" for the harness) begins a stage: "prepare", "race" or "profile"."""

    def done(self, name: str, outcome: Told) -> None:
        """What became of a contender."""
