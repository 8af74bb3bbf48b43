"""Drive a fleet: give cases to nodes through an engine until all are in the store.

The store is the truth: who drives keeps nothing that isn't there, and may be replaced at any time
by another that goes on with what is missing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from opbench.harness.fleet.engine import Engine, FleetObserver, FleetRun
from opbench.harness.fleet.health import deviation
from opbench.harness.fleet.kinds import FleetKind, NodeFacts, kind_of, why_no_node
from opbench.harness.fleet.messages import Order, Reply
from opbench.harness.fleet.plan import Planner
from opbench.results.records import RunInfo, codec
from opbench.results.store.attempts import Part, digest_of
from opbench.results.store.collecting import done_by

#: Seconds until a node times its anchors anew: a batch of cases.
BATCH_S = 600.0
#: Seconds to wait for a node where a kind has lost all of its own.
PATIENCE_S = 60.0
#: Seconds between two looks at which nodes are there.
LOOK_S = 1.0
#: So many processes of a node may end before one is ready.
MOST_STARTS = 2


@dataclass(slots=True)
class _Member:
    """A node, as its driver knows it."""

    facts: NodeFacts
    kind: FleetKind
    #: When its anchors were timed last, by the engine's clock.
    anchored_s: float = 0.0
    #: Processes that have ended before they were ready.
    ended: int = 0
    #: Whether its process starts, or an order that is no case is under way.
    is_busy: bool = True
    #: Whether it is about to store what is of the machine.
    keeps: bool = False


@dataclass(slots=True, kw_only=True)
class Driver:
    """Drives one run.

        planner, observer = Planner(run.cases), FleetObserver()
        driver = Driver(
            run=run, engine=engine, planner=planner, observer=observer, clock=time.monotonic
        )
        driver.drive()
        driver.missing()  # by kind, why cases are not in the store

    Nothing is kept here that the store hasn't: a driver that is killed is replaced by another.
    """

    run: FleetRun
    engine: Engine
    planner: Planner
    observer: FleetObserver
    #: Seconds, of whatever epoch.
    clock: Callable[[], float]
    patience_s: float = PATIENCE_S
    #: By the id of their nodes.
    members: dict[str, _Member] = field(default_factory=dict)
    #: By kind, the head of the run as its first node has it, and the threads of its cases.
    heads: dict[str, tuple[RunInfo, int]] = field(default_factory=dict)
    #: How many contenders had each outcome.
    outcomes: Counter[str] = field(default_factory=Counter)
    #: By kind and name, why nodes were left out.
    left_out: dict[str, dict[str, str]] = field(default_factory=dict)
    #: By kind, the nodes that have nothing to do.
    _free: dict[str, dict[str, None]] = field(default_factory=dict)
    _looked_s: float = -math.inf
    #: The kinds of which the store has what is of the machine, or a node is about to store it.
    _kept: set[str] = field(default_factory=set)

    def drive(self) -> None:
        """Do all that can be done. Raises RunFolderError where the store can't be read.

        It ends where every kind that has cases left has no node, and none came for a while.
        """
        stuck_s = self.clock()
        while self.planner.left:
            self._look_around()
            self._assign()
            if not all(self.planner.is_stuck(kind) for kind in self._open()):
                stuck_s = self.clock()
            elif self.clock() - stuck_s >= self._patience():
                break
            for node, reply in self.engine.replies(LOOK_S):
                if node in self.members:
                    self._take(self.members[node], reply)
        for kind, (info, _) in self.heads.items():
            state = self.planner.kinds[kind]
            if not state.left and not state.given_up:
                self.run.stored.finish(info.environment.key, Part())

    def missing(self) -> dict[str, str]:
        """By kind, why some of its cases were not run."""
        found = {}
        for kind in self.run.kinds:
            state = self.planner.kinds[kind.name]
            if state.given_up:
                found[kind.name] = "; ".join(dict.fromkeys(state.given_up.values()))
            elif state.left:
                found[kind.name] = self._why(kind)
        return found

    def _patience(self) -> float:
        """Seconds to wait where no kind with cases left has a node: none where none ever had."""
        return self.patience_s if any(kind in self.heads for kind in self._open()) else 0.0

    def _why(self, kind: FleetKind) -> str:
        """Why a kind that has cases left does none."""
        if kind.name in self.heads:
            return "all of its nodes are lost or left out"
        return "; ".join(self.left_out.get(kind.name, {}).values()) or why_no_node(kind)

    def _open(self) -> list[str]:
        """The kinds that have cases left."""
        return [kind for kind, state in self.planner.kinds.items() if state.left]

    def _look_around(self) -> None:
        """Take in nodes that came, and take note of those that are gone; now and then."""
        if self.clock() - self._looked_s < LOOK_S:
            return
        self._looked_s = self.clock()
        there = {node.id: node for node in self.engine.nodes()}
        for id in [id for id in self.members if id not in there]:
            self._lose(self.members.pop(id), "its node was lost", is_gone=True)
        for id, node in there.items():
            kind = kind_of(node, self.run.kinds)
            known = id in self.members or id in self.planner.quarantined
            if known or kind is None or not self.planner.kinds[kind.name].left:
                continue
            self.members[id] = _Member(node, kind)
            self.planner.join(id, kind.name)
            self.engine.start(node, kind)

    def _assign(self) -> None:
        """Give the free nodes of each kind what waits for it."""
        for kind, free in self._free.items():
            waiting = self.planner.kinds[kind].waiting
            while free and waiting:
                self._occupy(self.members[free.popitem()[0]])

    def _occupy(self, member: _Member) -> None:
        """Give a free node something to do; its anchors first, where their time has come."""
        id = member.facts.id
        if self.clock() - member.anchored_s > BATCH_S:
            self._send(member, Order(do="anchors"))
        elif assignment := self.planner.assign(id):
            case, reason = assignment.task.case, assignment.failed
            self.engine.send(id, Order(do="fail" if reason else "race", case=case, reason=reason))

    def _send(self, member: _Member, order: Order) -> None:
        """Send an order that is no case."""
        member.is_busy = True
        self.engine.send(member.facts.id, order)

    def _take(self, member: _Member, reply: Reply) -> None:
        """Take in what came from a node."""
        member.is_busy = False
        if reply.did == "died":
            self._restart(member, reply.problem)
        elif reply.did == "lost":
            self._lose(self.members.pop(member.facts.id), reply.problem, is_gone=True)
        elif reply.did == "ready":
            self._welcome(member, reply)
        elif reply.did == "keep":
            self._keep(member, reply.problem)
        elif reply.did == "anchors":
            self._judge(member, self.heads[member.kind.name][0].environment.key, reply)
        elif reply.case:
            self._finish(member, reply)
        if not member.is_busy and self.planner.is_idle(member.facts.id):
            self._free.setdefault(member.kind.name, {})[member.facts.id] = None

    def _keep(self, member: _Member, problem: str) -> None:
        """A node has stored what is of the machine, unless there is a problem."""
        member.keeps = False
        if problem:
            self._kept.discard(member.kind.name)
            self.observer.note(f"{member.facts.name}: {problem}")

    def _finish(self, member: _Member, reply: Reply) -> None:
        """A node is through with a case."""
        id, kind = member.facts.id, member.kind.name
        self.outcomes.update(reply.outcomes)
        case = self.run.cases[kind].get(reply.case)
        if not reply.problem and case is not None:
            self.planner.done(id, failed=reply.did == "fail")
            self.observer.done(case, member.facts.name)
            return
        self.planner.give_up(id, reply.problem)
        self.observer.note(f"{member.facts.name}: {reply.case}: {reply.problem}")

    def _welcome(self, member: _Member, reply: Reply) -> None:
        """A node is ready: it is given cases if it is of the kind's environment and as it was."""
        info = codec.loads(reply.head)
        assert isinstance(info, RunInfo)
        id, kind, key = member.facts.id, member.kind.name, info.environment.key
        member.ended = 0
        if reason := self.planner.ready(id, key):
            self._leave_out(member, reason)
            return
        if not self._judge(member, key, reply):
            return
        if kind not in self.heads:
            self.heads[kind] = (info, reply.threads)
            self._begin(kind, info)
        if kind not in self._kept:
            self._kept.add(kind)
            member.keeps = True
            self._send(member, Order(do="keep"))

    def _begin(self, kind: str, info: RunInfo) -> None:
        """Skip what the store has of a kind. Raises RunFolderError where it was begun otherwise."""
        stored, key = self.run.stored, info.environment.key
        stored.begin(key, Part())
        survey = stored.survey()
        done_by(stored, survey, info, ())
        there = {attempt.case for attempt in survey.complete if attempt.key == key}
        own = {self._digest(kind, name): name for name in self.run.cases[kind]}
        self.planner.skip(kind, [own[digest] for digest in there & own.keys()])
        if there - own.keys():
            self._kept.add(kind)

    def _digest(self, kind: str, name: str) -> str:
        """The name in the store of a case of a kind that is ready."""
        threads = self.heads[kind][1]
        return digest_of(replace(self.run.cases[kind][name], threads=threads))

    def _judge(self, member: _Member, key: str, reply: Reply) -> bool:
        """Whether a node is as it was; it is left out where it isn't. Keeps its anchors."""
        member.anchored_s = self.clock()
        if not reply.anchors:
            return True
        before = self.run.history.of(key, member.facts.name)
        self.run.history.add(key, member.facts.name, reply.anchors)
        if reason := deviation(reply.anchors, before):
            self._leave_out(member, f"it is off its own history: {reason}")
            return False
        return True

    def _leave_out(self, member: _Member, reason: str) -> None:
        """Give a node nothing more, and name it."""
        id, name = member.facts.id, member.facts.name
        if id not in self.planner.quarantined:
            self.planner.quarantine(id, reason)
        self.members.pop(id, None)
        self._free.get(member.kind.name, {}).pop(id, None)
        self.left_out.setdefault(member.kind.name, {})[name] = reason
        self.observer.note(f"{name} is left out: {reason}")

    def _restart(self, member: _Member, problem: str) -> None:
        """The process of a node has ended; start another, unless it is the node's fault."""
        id, was_ready = member.facts.id, self.planner.nodes[member.facts.id].is_ready
        member.ended += not was_ready
        self._lose(member, problem, is_gone=False)
        if self.planner.is_suspicious(id):
            self._leave_out(member, f"it ended one case after another, the last: {problem}")
        elif member.ended >= MOST_STARTS:
            self._leave_out(member, f"its process does not start: {problem}")
        else:
            member.is_busy = True
            self.engine.start(member.facts, member.kind)

    def _lose(self, member: _Member, cause: str, *, is_gone: bool) -> None:
        """What a node was doing is done again, unless it is in the store."""
        id, kind, name = member.facts.id, member.kind.name, member.facts.name
        self._free.get(kind, {}).pop(id, None)
        task = self.planner.nodes[id].task
        stored = task is not None and self._is_stored(kind, task.case)
        if member.keeps and not self._has_machine(kind):
            self._kept.discard(kind)
        lose = self.planner.leave if is_gone else self.planner.lost
        fate = lose(id, f"{name}: {cause}", stored=stored)
        what = {"again": ", its case is done again", "failed": ", its case is recorded as failed"}
        self.observer.note(f"{name}: {cause}{what.get(fate, '')}")

    def _is_stored(self, kind: str, case: str) -> bool:
        """Whether the store has a case of a kind."""
        key = self.heads[kind][0].environment.key
        return self.run.stored.has(key, self._digest(kind, case))

    def _has_machine(self, kind: str) -> bool:
        """Whether the store has something of a kind that is no case: its anchors."""
        key = self.heads[kind][0].environment.key
        own = {self._digest(kind, name) for name in self.run.cases[kind]}
        return any(a.key == key and a.case not in own for a in self.run.stored.survey().complete)
