"""The seams of a fleet: what starts processes on nodes, and what is notified of their work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from opbench.harness.fleet.kinds import FleetKind, NodeFacts
from opbench.harness.fleet.messages import Order, Reply
from opbench.results.records import Case
from opbench.results.store.attempts import StoredRun
from opbench.results.store.nodes import NodeHistory


class Engine(Protocol):
    """What starts processes on nodes: Ray, or a simulation."""

    def nodes(self) -> Sequence[NodeFacts]:
        """The nodes that are there now and may be used."""

    def start(self, node: NodeFacts, kind: FleetKind) -> None:
        """Start the process of a node, anew where it has one; its first reply comes by itself."""

    def send(self, node: str, order: Order) -> None:
        """Send an order to the process of a node, by its id."""

    def replies(self, timeout_s: float) -> Sequence[tuple[str, Reply]]:
        """What came from nodes, by their ids, after one reply or so many seconds."""


class FleetObserver:
    """Is notified of what happens; the base does nothing."""

    def done(self, case: Case, node: str) -> None:
        """A case is in the store."""

    def note(self, text: str) -> None:
        """A node came, went, or is not as it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRun:
    """A run that a fleet is to make."""

    stored: StoredRun
    history: NodeHistory
    kinds: tuple[FleetKind, ...]
    #: By the kind's name, its cases by their names; their threads are those of each node.
    cases: Mapping[str, Mapping[str, Case]]
