"""A Ray cluster on this machine, whose workers and nodes can be killed.

Its own process, `python -m benchmarks.ray_cluster`, holds it until its standard input ends: Ray
makes one of the process that it is started in. Nodes of a kind that has an interpreter of its own
are each held by a process of that.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

#: By this all processes of a cluster are known; those that race don't see Ray's own variables.
_SECRET, _MARK = "RAY_AUTH_TOKEN", "TOKEN"
#: Ray's part of the environment of nodes and drivers: see docs/fleet.md.
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    _SECRET: secrets.token_hex(16),
    _MARK: secrets.token_hex(8),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    # All of it listens on the loopback address, which `ray start` refuses to.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
#: A node that is silent is lost after 3 seconds and not 15.
_SYSTEM = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
_STORE_BYTES = 80_000_000
#: Seconds in which a cluster ends, however busy the machine is.
_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A cluster, and the process that each of its nodes stands and falls with."""

    address: str
    #: By the names of nodes, the number of that process.
    raylets: dict[str, int]
    _process: subprocess.Popen[bytes]

    def add(self, name: str, kind: str) -> None:
        """Add a node; its kind is its label."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, kind]).encode() + b"\n")
        self._process.stdin.flush()
        self.raylets[name] = _line_of(self._process)

    def workers(self, name: str) -> list[psutil.Process]:
        """Ray's workers on a node that hold the process which races."""
        found = []
        for child in psutil.Process(self.raylets[name]).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.name().startswith("ray::NodeP") and child.status() != "zombie":
                    found.append(child)
        return found

    def racing(self) -> list[psutil.Process]:
        """The processes that race on whatever node, without Ray's own."""
        return [process for process in psutil.process_iter() if _is_racing(process)]

    def kill_worker(self, name: str) -> bool:
        """Kill Ray's worker on a node; whether there was one."""
        found = self.workers(name)
        for worker in found:
            worker.kill()
        return bool(found)

    def kill_node(self, name: str) -> None:
        """Kill all processes of a node at once, as when its machine is lost."""
        raylet = psutil.Process(self.raylets.pop(name))
        for process in (raylet, *raylet.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _is_racing(process: psutil.Process) -> bool:
    """Whether a process is of opbench, on a node of this cluster."""
    try:
        variables = process.environ()
    except psutil.Error:
        return False
    return variables.get(_MARK) == ENVIRONMENT[_MARK] and _SECRET not in variables


@contextmanager
def ray_cluster(
    nodes: Mapping[str, str], pythons: Mapping[str, Sequence[str]] | None = None
) -> Iterator[RayCluster]:
    """A cluster of nodes, by their names the kind of each; the first of them is its head.

    pythons: by kind, the words that start the interpreter of its nodes, where that isn't this one.
    All of it ends at the end, whatever happens meanwhile.
    """
    described = json.dumps([dict(nodes), dict(pythons or {})])
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ray_cluster", described],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
        cwd=Path(__file__).parents[1],
    ) as process:
        try:
            yield RayCluster(_line_of(process), _line_of(process), process)
        finally:
            code = _end(process)
    if code:
        raise RuntimeError(f"the cluster ended with code {code}")


def _end(process: subprocess.Popen[bytes]) -> int:
    """Let a cluster end, or kill it; its exit code."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        return process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _line_of(process: subprocess.Popen[bytes]) -> Any:
    """The next line of a cluster, which is JSON. Raises RuntimeError where it ends instead."""
    assert process.stdout is not None
    if line := process.stdout.readline():
        return json.loads(line)
    raise RuntimeError("the cluster has ended: see above")


class Holder:
    """Starts the nodes of a cluster in this process, or by others."""

    def __init__(self, cluster: Any, pythons: Mapping[str, Sequence[str]]) -> None:
        """cluster: Ray's, without a node. pythons: as `ray_cluster` takes them."""
        self._cluster, self._pythons = cluster, pythons
        self._others: list[subprocess.Popen[bytes]] = []

    def add(self, name: str, kind: str) -> int:
        """Add a node; the number of its process."""
        if python := self._pythons.get(kind):
            return self._start(python, name, kind)
        is_first = self._cluster.head_node is None
        node = self._cluster.add_node(
            num_cpus=1,
            resources={"opbench": 1},
            labels={"opbench-kind": kind},
            node_name=name,
            object_store_memory=_STORE_BYTES,
            **({"_system_config": _SYSTEM, "include_dashboard": False} if is_first else {}),
        )
        return int(node.all_processes["raylet"][0].process.pid)

    def end(self) -> None:
        """End all nodes; Ray's processes end with the one that has started them."""
        for process in self._others:
            process.kill()
            process.wait()
        self._cluster.shutdown()

    def _start(self, python: Sequence[str], name: str, kind: str) -> int:
        """Start a node by another interpreter; the number of its process."""
        process = subprocess.Popen(
            [*python, "-m", "benchmarks.ray_cluster", self._cluster.address, name, kind],
            stdin=subprocess.PIPE,
        )
        self._others.append(process)
        while not self._is_there(name):
            if process.poll() is not None:
                raise RuntimeError(f"{name} does not start: see above")
            time.sleep(0.1)
        children = psutil.Process(process.pid).children()
        return next(child.pid for child in children if child.name() == "raylet")

    def _is_there(self, name: str) -> bool:
        """Whether the cluster has a node of a name."""
        nodes = self._cluster.global_state.node_table()
        return any(node["NodeName"] == name and node["Alive"] for node in nodes)


def main() -> None:
    """Hold a cluster, or a node of one: `NODES`, or `ADDRESS NAME KIND`."""
    if len(sys.argv) > 2:
        hold_node(*sys.argv[1:])
    else:
        hold_cluster()


def hold_node(address: str, name: str, kind: str) -> None:
    """Hold a node of a cluster until the input ends."""
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    parameters: Any = RayParams(
        gcs_address=address,
        redis_address=address,
        node_name=name,
        num_cpus=1,
        num_gpus=0,
        resources={"opbench": 1},
        labels={"opbench-kind": kind},
        object_store_memory=_STORE_BYTES,
        min_worker_port=0,
        max_worker_port=0,
        node_manager_port=0,
    )
    parameters.include_log_monitor, parameters.dashboard_agent_listen_port = False, None
    Node(parameters, head=False)
    sys.stdin.read()


def hold_cluster() -> None:
    """Hold a cluster: `[NAME, KIND]` in a line adds a node, and the end of the input ends it."""
    import ray
    from ray.cluster_utils import Cluster

    nodes, pythons = json.loads(sys.argv[1])
    cluster: Any = Cluster()
    holder = Holder(cluster, pythons)
    try:
        raylets = {name: holder.add(name, kind) for name, kind in nodes.items()}
        _say(cluster.address)
        _say(raylets)
        for line in sys.stdin:
            _say(holder.add(*json.loads(line)))
    finally:
        ray.shutdown()
        holder.end()


def _say(value: object) -> None:
    """Write a line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
