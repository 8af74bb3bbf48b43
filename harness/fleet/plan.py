"""Which node does which case: a state machine that knows no engine, no clock and no store.

A case is done once by each kind of machine. What a lost node or worker was doing is done again;
what was lost twice is recorded as failed, so that it doesn't end the whole fleet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

#: So many deaths of its worker or node are a case's own fault.
MOST_DEATHS = 2
#: So many deaths in a row, each of another case, are the node's.
MOST_IN_A_ROW = 3


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """A case, with all of its contenders, on one kind of machine."""

    kind: str
    #: The name of the case.
    case: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a node is to do."""

    task: Task
    #: Why the case is recorded as failed instead of raced; "" to race it.
    failed: str = ""


@dataclass(slots=True, kw_only=True)
class KindState:
    """How far one kind is."""

    #: To be assigned, in this order.
    waiting: deque[Assignment]
    #: All of its cases.
    total: int
    #: Those with a result in the store, the failed included.
    done: int = 0
    #: Of these, those that were recorded as failed.
    failed: int = 0
    #: Those that can't be done, and why.
    given_up: dict[str, str] = field(default_factory=dict)
    #: The environment key of its nodes; "" until the first is ready.
    key: str = ""
    #: The nodes that are there and take part, ready or not.
    nodes: int = 0

    @property
    def left(self) -> int:
        """The cases that are neither done nor given up."""
        return self.total - self.done - len(self.given_up)


@dataclass(slots=True)
class NodeState:
    """A node of the fleet."""

    kind: str
    #: Whether it may be given a case: it has said which environment it is.
    is_ready: bool = False
    #: What it does; None where it is idle.
    task: Task | None = None
    #: The different cases that ended its worker since it finished one.
    deaths: set[str] = field(default_factory=set)


#: What a loss leads to.
Fate = Literal["idle", "again", "failed"]


class Planner:
    """Gives cases to nodes, each once for every kind, and again where a node is lost.

    planner = Planner({"cpu": ("a/small", "a/large")})
    planner.join("node 1", "cpu")
    planner.ready("node 1", "1eda7848")
    planner.assign("node 1")  # Assignment(Task("cpu", "a/small"))
    planner.done("node 1")
    """

    def __init__(self, cases: Mapping[str, Iterable[str]]) -> None:
        """cases: the names of the cases of each kind, in the order in which they are done."""
        self.kinds = {
            kind: KindState(
                waiting=(waiting := deque(Assignment(Task(kind, n)) for n in names)),
                total=len(waiting),
            )
            for kind, names in cases.items()
        }
        self.nodes: dict[str, NodeState] = {}
        #: Those that take part no more though they are there, and why.
        self.quarantined: dict[str, str] = {}
        self._deaths: dict[Task, list[str]] = {}
        #: How often something was done again.
        self.repeated = 0

    @property
    def left(self) -> int:
        """The cases of all kinds that are neither done nor given up."""
        return sum(state.left for state in self.kinds.values())

    def join(self, node: str, kind: str) -> None:
        """A node is there; it gets nothing until it is ready."""
        self.nodes[node] = NodeState(kind)
        self.kinds[kind].nodes += 1

    def ready(self, node: str, key: str) -> str:
        """A node has said what environment it is; why it can't take part, "" where it does.

        All nodes of a kind have one environment, and no two kinds the same: what isn't compared is
        not mixed.
        """
        kind = self.nodes[node].kind
        own = self.kinds[kind]
        same = [name for name, state in self.kinds.items() if state.key == key and name != kind]
        if own.key not in ("", key):
            reason = f"its environment is {key}, and that of its kind {own.key}: give it another"
        elif same:
            reason = f"its environment, {key}, is that of the kind {same[0]} as well"
        else:
            own.key, self.nodes[node].is_ready = key, True
            return ""
        self.quarantine(node, reason)
        return reason

    def is_idle(self, node: str) -> bool:
        """Whether a node is ready, and does nothing."""
        state = self.nodes.get(node)
        return state is not None and state.is_ready and state.task is None

    def assign(self, node: str) -> Assignment | None:
        """What an idle node is to do next; None where there is nothing for it."""
        if not self.is_idle(node):
            return None
        state = self.nodes[node]
        waiting = self.kinds[state.kind].waiting
        if not waiting:
            return None
        assignment = waiting.popleft()
        state.task = assignment.task
        return assignment

    def skip(self, kind: str, cases: Iterable[str]) -> None:
        """Some cases of a kind that wait are in the store already."""
        there, state = set(cases), self.kinds[kind]
        left = deque(item for item in state.waiting if item.task.case not in there)
        state.done += len(state.waiting) - len(left)
        state.waiting = left

    def done(self, node: str, *, failed: bool = False) -> None:
        """A node's case is in the store. failed: it was recorded as failed, without a race."""
        state = self.nodes[node]
        kind = self.kinds[state.kind]
        kind.done += 1
        kind.failed += failed
        state.task = None
        state.deaths.clear()

    def give_up(self, node: str, reason: str) -> None:
        """A node's case can't be done, there or elsewhere: its op is at fault, say."""
        state = self.nodes[node]
        assert state.task is not None
        self.kinds[state.kind].given_up[state.task.case] = reason
        state.task = None

    def lost(self, node: str, cause: str, *, stored: bool = False) -> Fate:
        """The worker of a node has died, with what it did; the node may be given more.

        stored: whether its case was in the store already.
        """
        state = self.nodes[node]
        state.is_ready, task, state.task = False, state.task, None
        if task is None:
            return "idle"
        kind = self.kinds[state.kind]
        if stored:
            kind.done += 1
            return "idle"
        state.deaths.add(task.case)
        causes = self._deaths.setdefault(task, [])
        causes.append(cause)
        self.repeated += 1
        if len(causes) < MOST_DEATHS:
            # Last, so that it ends no other node while there is something else to do.
            kind.waiting.append(Assignment(task))
            return "again"
        reason = f"ended its worker or its node {len(causes)} times: {'; '.join(causes)}"
        kind.waiting.appendleft(Assignment(task, reason))
        return "failed"

    def leave(self, node: str, cause: str, *, stored: bool = False) -> Fate:
        """A node is gone, with what it did. stored: as in `lost`."""
        fate = self.lost(node, cause, stored=stored)
        self._remove(node)
        return fate

    def is_suspicious(self, node: str) -> bool:
        """Whether a node has ended one case after another, which is not the cases' fault."""
        return len(self.nodes[node].deaths) >= MOST_IN_A_ROW

    def quarantine(self, node: str, reason: str) -> None:
        """A node takes part no more; what it was to do is done elsewhere."""
        state = self._remove(node)
        if state.task is not None:
            self.kinds[state.kind].waiting.appendleft(Assignment(state.task))
        self.quarantined[node] = reason

    def is_stuck(self, kind: str) -> bool:
        """Whether a kind has cases left, and no node."""
        return self.kinds[kind].left > 0 and not self.kinds[kind].nodes

    def _remove(self, node: str) -> NodeState:
        """Forget a node, which takes part no more."""
        state = self.nodes.pop(node)
        self.kinds[state.kind].nodes -= 1
        return state
