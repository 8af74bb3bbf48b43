"""Ray as the engine of a fleet: an actor on each node that holds the process which races.

Nothing but text travels, and nothing is tried again by Ray itself. Ray is imported when this
engine is made, after what it reads from the environment is set.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opbench.harness.fleet.kinds import FleetKind, NodeFacts
from opbench.harness.fleet.messages import Order, Reply, reply_of
from opbench.harness.fleet.node_process import NodeProcess
from opbench.harness.system.cores import usable_cores
from opbench.results.errors import SelectionError

#: The resource that nodes have which opbench may use; each takes all of it.
RESOURCE = "opbench"
#: Bytes of Ray's own store, which holds nothing of ours.
_STORE_BYTES = 80_000_000
#: What Ray reads: no figures sent home, no kills for memory beside the supervisor's limits, and
#: Python's patch levels may differ.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",
    "RAY_AUTH_MODE": "token",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
#: Of a Ray that is started here: it listens on the loopback address alone.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


class RayEngine:
    """The nodes of a Ray cluster.

    On each node one actor takes all processors, all accelerators and all of the resource `opbench`.
    """

    def __init__(self, ray: Any, settings: Mapping[str, str], folder: str) -> None:
        """settings: by kind, the options of the run as JSON. folder: where it is made."""
        self._ray, self._settings, self._folder = ray, settings, folder
        self._actors: dict[str, Any] = {}
        #: What is under way, with the node that it comes from.
        self._pending: dict[Any, str] = {}
        self._facts: dict[str, Any] = {}
        #: Nodes that can't be scheduled on, which Ray takes to be alive for some seconds more.
        self._dead: set[str] = set()

    def nodes(self) -> Sequence[NodeFacts]:
        """The nodes that are alive and have opbench's resource."""
        usable = [n for n in self._ray.nodes() if n["Alive"] and n["Resources"].get(RESOURCE)]
        alive = [node for node in usable if node["NodeID"] not in self._dead]
        self._facts = {node["NodeID"]: node for node in alive}
        return [NodeFacts(n["NodeID"], n["NodeName"], n.get("Labels", {})) for n in alive]

    def start(self, node: NodeFacts, kind: FleetKind) -> None:
        """Start the process of a node; one that was there is ended."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._end(node.id)
        resources = self._facts[node.id]["Resources"]
        actor = self._ray.remote(NodeProcess).options(
            num_cpus=resources.get("CPU", 0),
            num_gpus=resources.get("GPU", 0),
            resources={RESOURCE: resources[RESOURCE]},
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
            max_restarts=0,
            max_task_retries=0,
        )
        self._actors[node.id] = actor.remote(self._settings[kind.name], self._folder)
        self._pending[self._actors[node.id].start.remote()] = node.id

    def send(self, node: str, order: Order) -> None:
        """Send an order to a node."""
        self._pending[self._actors[node].order.remote(order.text())] = node

    def replies(self, timeout_s: float) -> Sequence[tuple[str, Reply]]:
        """What came from nodes."""
        if not (waiting := list(self._pending)):
            time.sleep(timeout_s)
            return ()
        first, _ = self._ray.wait(waiting, timeout=timeout_s)
        ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        nodes = {one: self._pending.pop(one) for one in ready or first}
        return [(node, self._reply(one, node)) for one, node in nodes.items()]

    def close(self) -> None:
        """End all processes on all nodes."""
        for node in list(self._actors):
            self._end(node)

    def _reply(self, reference: Any, node: str) -> Reply:
        """The reply that has come; that its process has died, or its node is lost, where so."""
        try:
            return reply_of(self._ray.get(reference))
        except self._ray.exceptions.ActorUnschedulableError:
            self._dead.add(node)
            return Reply(did="lost", problem="its node was lost")
        except self._ray.exceptions.RayError as error:
            first = str(error).strip().splitlines()[0]
            return Reply(did="died", problem=f"its worker was lost: {first}")

    def _end(self, node: str) -> None:
        """End the process of a node; nothing of it is waited for any more."""
        actor = self._actors.pop(node, None)
        self._pending = {one: of for one, of in self._pending.items() if of != node}
        if actor is not None:
            with contextlib.suppress(self._ray.exceptions.RayError):
                # Its process sees that its standard input is closed, and ends.
                self._ray.kill(actor)


@contextmanager
def connected(address: str, settings: Mapping[str, str], folder: str) -> Iterator[RayEngine]:
    """The cluster at an address; "" starts one of this machine alone, "auto" is the one here.

    settings, folder: as `RayEngine` takes them. Raises SelectionError where Ray isn't installed, or
    there is no cluster.
    """
    here = {**_SETTINGS, **({} if address else _LOOPBACK)}
    if not address:
        here["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    for name, value in here.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise SelectionError(
            f"--on ray needs Ray, which can't be imported ({error}): "
            "pip install 'opbench[fleet]', here and on every node"
        ) from error
    _connect(ray, address)
    engine = RayEngine(ray, settings, folder)
    try:
        yield engine
    finally:
        engine.close()
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    """Connect to a cluster, or start one. Raises SelectionError where that fails."""
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address=address, **quiet)
            return
        ray.init(
            address="local",
            num_cpus=usable_cores(),
            resources={RESOURCE: 1},
            include_dashboard=False,
            object_store_memory=_STORE_BYTES,
            **quiet,
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        reason = str(error).strip().splitlines()[0]
        raise SelectionError(f"--on ray:{address}: no cluster can be used: {reason}") from error
