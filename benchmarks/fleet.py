"""Simulate a fleet past any that is at hand: `python -m benchmarks.fleet simulate`.

The planner, the driver, the store and its collector are the real ones; nodes and the clock are not.
Printed are the makespan, what was done twice, and what is in the store.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from opbench.harness.fleet.drive import Driver
from opbench.harness.fleet.engine import FleetObserver, FleetRun
from opbench.harness.fleet.kinds import LABEL, FleetKind, NodeFacts
from opbench.harness.fleet.messages import Order, Reply, name_of
from opbench.harness.fleet.plan import Planner
from opbench.results.records import Case, Environment, Measured, Record, RunInfo, codec
from opbench.results.store.attempts import StoredRun
from opbench.results.store.collecting import collect
from opbench.results.store.nodes import NodeHistory

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is simulated. Times are in seconds."""

    nodes: int = 10_000
    #: Nodes are dealt to them in turn.
    kinds: int = 100
    #: Of each kind.
    cases: int = 400
    #: The mean time of a case on a node of speed 1, its checks included.
    case_s: float = 12.0
    #: Until a process is ready.
    start_s: float = 20.0
    #: The mean time between two losses of a node; it is back after `back_s`, as another.
    loss_s: float = DAY_S
    back_s: float = 120.0
    #: The share of lost nodes whose process goes on all the same, and stores its case.
    orphans: float = 0.5
    #: From the death of a node until the engine says so.
    notice_s: float = 15.0
    #: The share of nodes that are so many times as slow.
    stragglers: float = 0.01
    straggling: float = 4.0
    #: The speed of each kind, in turn; 1 for all where empty.
    speeds: tuple[float, ...] = ()
    seed: int = 0


@dataclass(slots=True)
class Node:
    """A simulated node."""

    facts: NodeFacts
    kind: FleetKind
    speed: float
    #: What is timed when it replies: anything earlier was to a process that has ended.
    generation: int = 0
    #: What it is at, and when it will be done.
    order: Order | None = None
    done_s: float = 0.0


@dataclass(slots=True)
class SimulatedEngine:
    """An engine of nodes that only take time, on a clock that only moves while one waits."""

    fleet: Fleet
    kinds: tuple[FleetKind, ...]
    cases: Mapping[str, Mapping[str, Case]]
    store: StoredRun
    #: Decides what becomes of a race: whether its process is killed instead.
    kills: Callable[[str, Order], bool] = lambda node, order: False
    now_s: float = 0.0
    there: dict[str, Node] = field(default_factory=dict)
    #: All orders, with the ids of their nodes.
    sent: list[tuple[str, Order]] = field(default_factory=list)
    losses: int = 0
    #: By the id of a lost node, the case that its process goes on with.
    _orphans: dict[str, tuple[FleetKind, str]] = field(default_factory=dict)
    #: By time and number: what happens, to which node, in which of its generations.
    _events: list[tuple[float, int, str, str, int]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._chance.seed(self.fleet.seed)
        for number in range(self.fleet.nodes):
            self._add(f"n{number}", self.kinds[number % len(self.kinds)])

    def clock(self) -> float:
        """Now, in seconds since the beginning."""
        return self.now_s

    def nodes(self) -> Sequence[NodeFacts]:
        """The nodes that the engine takes to be alive."""
        return [node.facts for node in self.there.values()]

    def start(self, node: NodeFacts, kind: FleetKind) -> None:
        """Start the process of a node."""
        one = self.there[node.id]
        one.generation, one.order = one.generation + 1, None
        self._after(self.fleet.start_s / one.speed, "ready", node.id)

    def send(self, node: str, order: Order) -> None:
        """Take note of an order, which is done when its time has passed."""
        self.sent.append((node, order))
        one = self.there[node]
        one.order = order
        is_race = order.do == "race"
        seconds = self._chance.expovariate(1 / self.fleet.case_s) if is_race else 1.0
        what = "killed" if is_race and self.kills(node, order) else "done"
        one.done_s = self.now_s + seconds / one.speed
        self._after(seconds / one.speed, what, node)

    def replies(self, timeout_s: float) -> Sequence[tuple[str, Reply]]:
        """Move the clock to the next reply, or by so many seconds."""
        until_s = self.now_s + timeout_s
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, what, id, generation = heapq.heappop(self._events)
            if what == "joins":
                self._add(id, self.kinds[generation])
            elif what == "gone":
                self.there.pop(id, None)
            elif what == "orphan":
                self._store(*self._orphans.pop(id))
            elif (node := self.there.get(id)) and what == "lost":
                self._lose(node)
            elif node and node.generation == generation:
                return [(id, self._reply(node, what))]
        self.now_s = until_s
        return ()

    def _after(self, seconds: float, what: str, id: str) -> None:
        """Let something happen later."""
        self._push(self.now_s + seconds, what, id, self.there[id].generation)

    def _push(self, at_s: float, what: str, id: str, number: int) -> None:
        """Let something happen at a time. number: a node's generation, or the kind of a new one."""
        heapq.heappush(self._events, (at_s, next(self._numbers), what, id, number))

    def _add(self, id: str, kind: FleetKind) -> None:
        """A node comes."""
        speeds = self.fleet.speeds or (1.0,)
        speed = speeds[self.kinds.index(kind) % len(speeds)]
        if self._chance.random() < self.fleet.stragglers:
            speed /= self.fleet.straggling
        self.there[id] = Node(NodeFacts(id, id, {LABEL: kind.label}), kind, speed)
        self._after(self._chance.expovariate(1 / self.fleet.loss_s), "lost", id)

    def _lose(self, node: Node) -> None:
        """A node dies; the engine says so later, and later still there is another in its place."""
        self.losses += 1
        node.generation += 1
        id, number, order = node.facts.id, self.kinds.index(node.kind), node.order
        if order and order.case and self._chance.random() < self.fleet.orphans:
            self._orphans[id] = (node.kind, order.case)
            self._after(node.done_s - self.now_s, "orphan", id)
        self._after(self.fleet.notice_s, "gone", id)
        self._push(self.now_s + self.fleet.back_s, "joins", f"{id}+", number)

    def _reply(self, node: Node, what: str) -> Reply:
        """What a node says; a case that is done is in the store by then."""
        if what == "killed":
            return Reply(did="died", problem="killed by signal 9")
        info = _head(node.kind)
        anchors = {"anchor": 1e-3 / node.speed}
        if what == "ready":
            return Reply(did="ready", head=codec.dumps(info), threads=1, anchors=anchors)
        assert node.order is not None
        order, node.order = node.order, None
        if order.do not in ("race", "fail"):
            return Reply(did=order.do, anchors=anchors if order.do == "anchors" else {})
        self._store(node.kind, order.case)
        return Reply(did=order.do, case=order.case, outcomes={"Measured": 1})

    def _store(self, kind: FleetKind, name: str) -> None:
        """Put a case that is done into the store."""
        case, info = replace(self.cases[kind.name][name], threads=1), _head(kind)
        self.store.put(info, case, [_record(case, info)])


def _head(kind: FleetKind) -> RunInfo:
    """The head of the run on a kind."""
    facts = (("cpu", kind.name or "any"),)
    environment = Environment(f"key-{kind.label}", facts)
    return RunInfo(id="n", created="", command=(), environment=environment)


def _record(case: Case, info: RunInfo) -> Record:
    """A record of the size of a real one."""
    rounds = tuple(range(60))
    measured = Measured(
        samples_s=tuple(1e-4 + 1e-7 * number for number in rounds),
        rounds=rounds,
        calls=10,
        preparation_s=0.1,
        error=0.1,
        flops=1,
        bytes=1,
        stopped="decided",
    )
    return Record(
        contender="mine",
        case=case,
        outcome=measured,
        fingerprint="f",
        environment_key=info.environment.key,
    )


def simulated(
    fleet: Fleet, store: str, *, observer: FleetObserver | None = None, name: str = "simulated"
) -> tuple[Driver, SimulatedEngine]:
    """The real driver of a simulated fleet, ready to drive. store: its URL."""
    kinds = tuple(FleetKind(f"cpu:k{number}", "cpu", f"k{number}") for number in range(fleet.kinds))
    cases = [
        Case(op=f"op{n}", shape="s", axes=(("N", n),), inputs="normal") for n in range(fleet.cases)
    ]
    named = {kind.name: {name_of(case): case for case in cases} for kind in kinds}
    stored = StoredRun(store, name)
    run = FleetRun(stored=stored, history=NodeHistory(store), kinds=kinds, cases=named)
    engine = SimulatedEngine(fleet, kinds, named, stored)
    planner, observer = Planner(named), observer or FleetObserver()
    driver = Driver(run=run, engine=engine, planner=planner, observer=observer, clock=engine.clock)
    return driver, engine


def figures(fleet: Fleet, store: str) -> dict[str, object]:
    """Drive a simulated fleet to its end, collect what it stored, and say what that took."""
    from opbench.results.store.urls import filesystem

    driver, engine = simulated(fleet, store)
    begun_s = time.perf_counter()
    driver.drive()
    driven_s = time.perf_counter() - begun_s
    collected = collect(driver.run.stored)
    system, root = filesystem(store)
    sizes = [entry["size"] for entry in system.find(root, detail=True).values()]
    tasks = fleet.kinds * fleet.cases
    work_s = tasks * fleet.case_s / fleet.nodes
    return {
        "nodes, kinds, cases of each": (fleet.nodes, fleet.kinds, fleet.cases),
        "makespan, s": round(engine.now_s, 1),
        "of that work if spread evenly, s": round(work_s, 1),
        "nodes lost": engine.losses,
        "cases done again": driver.planner.repeated,
        "cases recorded as failed": sum(s.failed for s in driver.planner.kinds.values()),
        "cases missing": driver.planner.left,
        "cases collected": sum(one.cases for one in collected),
        "complete twice": sum(one.repeated for one in collected),
        "objects in the store": len(sizes),
        "bytes in the store": sum(sizes),
        "driving took, s": round(driven_s, 1),
        "driving took for each order, ms": round(1e3 * driven_s / len(engine.sent), 2),
    }


def main() -> None:
    """Simulate, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    simulate = verbs.add_parser("simulate", help="a fleet on a fake clock")
    fleet = Fleet()
    for name in ("nodes", "kinds", "cases", "seed"):
        simulate.add_argument(f"--{name}", type=int, default=getattr(fleet, name))
    for name in (
        "case-s",
        "start-s",
        "loss-s",
        "back-s",
        "notice-s",
        "orphans",
        "stragglers",
        "straggling",
    ):
        default = getattr(fleet, name.replace("-", "_"))
        simulate.add_argument(f"--{name}", type=float, default=default)
    simulate.add_argument("--speeds", type=Path, help="a JSON list: the speed of each kind")
    args = vars(parser.parse_args())
    speeds = args.pop("speeds")
    args["speeds"] = tuple(json.loads(speeds.read_text(encoding="utf-8"))) if speeds else ()
    # Of the stores that need no network its listings take the least time.
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(figures(Fleet(**args), f"file://{folder}"), indent=2))


if __name__ == "__main__":
    main()
