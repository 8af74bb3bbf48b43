"""A Ray cluster on this machine, whose workers and nodes can be killed.

Its own process, `python -m benchmarks.ray_cluster`, holds it until its standard input ends: Ray
makes one of the process that it is started in.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

#: Ray's part of the environment of nodes and drivers: see docs/fleet.md.
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(16),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    # All of it listens on the loopback address.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
#: A node that is silent is lost after 3 seconds and not 15.
_SYSTEM = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
_STORE_BYTES = 80_000_000


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A cluster, and the process that each of its nodes stands and falls with."""

    address: str
    #: By the names of nodes, the number of that process.
    raylets: dict[str, int]
    _process: subprocess.Popen[bytes]

    def add(self, name: str, kind: str) -> None:
        """Add a node; its kind is its label, and "arenas" has an allocator of its own."""
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


@contextmanager
def ray_cluster(nodes: Mapping[str, str]) -> Iterator[RayCluster]:
    """A cluster whose nodes are of those kinds, the first of them its head; it ends at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ray_cluster", json.dumps(dict(nodes))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
        cwd=Path(__file__).parents[1],
    ) as process:
        yield RayCluster(_line_of(process), _line_of(process), process)
        assert process.stdin is not None
        process.stdin.close()
        if code := process.wait(300.0):
            raise RuntimeError(f"the cluster ended with code {code}")


def _line_of(process: subprocess.Popen[bytes]) -> Any:
    """The next line of a process, which is JSON."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def main() -> None:
    """Hold a cluster: `[NAME, KIND]` in a line adds a node, and the end of the input ends it."""
    import ray
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster()
    raylets: dict[str, int] = {}
    for name, kind in json.loads(sys.argv[1]).items():
        head = {} if raylets else {"_system_config": _SYSTEM, "include_dashboard": False}
        raylets[name] = _added(cluster, name, kind, head)
    _say(cluster.address)
    _say(raylets)
    for line in sys.stdin:
        name, kind = json.loads(line)
        _say(_added(cluster, name, kind, {}))
    ray.shutdown()
    cluster.shutdown()


def _added(cluster: Any, name: str, kind: str, head: Mapping[str, object]) -> int:
    """Add a node; the number of its process. head: options of the first alone."""
    node = cluster.add_node(
        num_cpus=1,
        resources={"opbench": 1},
        labels={"opbench-kind": kind},
        node_name=name,
        object_store_memory=_STORE_BYTES,
        env_vars={"MALLOC_ARENA_MAX": "1"} if kind == "arenas" else {},
        **head,
    )
    return int(node.all_processes["raylet"][0].process.pid)


def _say(value: object) -> None:
    """Write a line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
