"""What a Ray cluster on this machine does to a run: losses, and what the engine costs.

    python -m benchmarks.fleet_ray kills [--kills 20]        kill workers and nodes at random
    python -m benchmarks.fleet_ray efficiency [--cases 40]   cases that wait, beside one process

Nodes are processes here, on the same cores: cases are small, or only wait. Printed are figures as
JSON; it takes minutes. Exits with 1 where a case was lost, or too many were done again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ray_cluster import ENVIRONMENT, RayCluster, ray_cluster
from opbench.results.store.attempts import StoredRun
from opbench.results.store.collecting import collect

#: Of one kind, the first the cluster's head.
NODES = {"one": "plain", "two": "plain", "three": "plain"}
#: The kind of the nodes that are killed; the head of a cluster never is.
TARGET = "target"
#: At most so many seconds after it is ready a node is killed, or its worker.
MOST_S = 1.0
#: So many workers of a node are killed at most before all of it is.
MOST_WORKERS = 3
#: An op whose contender only waits.
_WAITING = """
import time
import torch
from opbench import Cost, Op, impl

waits = Op(
    name="waits",
    oracle=lambda x: x,
    axes={{"N": "numbers"}},
    inputs={{"normal": lambda N, rng: {{"x": torch.randn(N, generator=rng)}}}},
    quick={{"one": {{"N": 1}}}},
    edge={{"odd": {{"N": 3}}}},
    dtypes=("float32",),
    cost=lambda N: Cost(N, 8 * N),
)

@impl("waits")
def slept(x):
    time.sleep({wait_s})
    return x.clone()
"""


def main() -> None:
    """Do what is asked for, and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True, dest="verb")
    kills = verbs.add_parser("kills", help="kill workers and nodes while a run is on")
    kills.add_argument("--kills", type=int, default=20)
    kills.add_argument("--cases", type=int, default=120)
    kills.add_argument("--seed", type=int, default=0)
    efficiency = verbs.add_parser("efficiency", help="of three nodes beside one process")
    efficiency.add_argument("--cases", type=int, default=40, help="of each node")
    args = parser.parse_args()
    nodes = NODES if args.verb == "efficiency" else {"head": "head"}
    with tempfile.TemporaryDirectory() as folder, ray_cluster(nodes) as cluster:
        if args.verb == "kills":
            found = killed(cluster, Path(folder), args.kills, args.cases, args.seed)
        else:
            found = efficient(cluster, Path(folder), args.cases)
    print(json.dumps(found, indent=2))
    sys.exit(not found.pop("as it should be"))


def killed(
    cluster: RayCluster, folder: Path, kills: int, cases: int, seed: int
) -> dict[str, object]:
    """Kill so many workers and nodes, at random moments, while a run is on; what it came to.

    Three nodes of a kind of their own are added for it.
    """
    rng = random.Random(seed)
    targets = [Target(cluster, f"target{number}", folder, rng) for number in range(3)]
    arguments = waiting(folder, cases, wait_s=0.005, budget_s=0.1)
    done: Counter[str] = Counter()
    with started(cluster, folder, arguments, "--kinds", f"cpu:{TARGET}") as process:
        while done.total() < kills and process.poll() is None:
            done.update(filter(None, [target.kill_if_due() for target in targets]))
            time.sleep(0.05)
        out, _ = process.communicate()
    if not out:
        raise SystemExit(f"fleet_ray: the run ended with {process.returncode}: see above")
    document = json.loads(out)
    (stored,) = collect(StoredRun(f"file://{folder}/store", "n"))
    whole = stored.whole and stored.cases == cases
    return {
        "killed": dict(done),
        "cases": cases,
        "collected": stored.cases,
        "complete twice": stored.repeated,
        "done again": document["repeated"],
        "exit code": process.returncode,
        "as it should be": whole and kills <= done.total() >= document["repeated"],
    }


class Target:
    """A node that is killed, or its worker, while it starts or races; another takes its place.

    What would have a node left out that is still there doesn't happen: three cases in a row that
    end their worker, two workers that end before they are ready, and three measurements of its
    anchors beside others.
    """

    def __init__(self, cluster: RayCluster, name: str, folder: Path, rng: random.Random) -> None:
        """folder: that of the store."""
        self._cluster, self._name, self._folder, self._rng = cluster, name, folder, rng
        self._workers, self._measured = 0, 0
        self._while_starting, self._due_s = False, math.inf
        cluster.add(name, TARGET)

    def kill_if_due(self) -> str:
        """Kill "worker" or "node" if the moment has come, and say which; "" where it hasn't."""
        if self._due_s == math.inf and self._has_begun():
            self._due_s = time.monotonic() + self._rng.uniform(0, MOST_S)
        if time.monotonic() < self._due_s:
            return ""
        self._measured, self._due_s = self._anchors(), math.inf
        # In turn, as two workers that end before they are ready have their node left out.
        self._while_starting = not self._while_starting
        return "worker" if self._kill_worker() else self._kill_node()

    def _has_begun(self) -> bool:
        """Whether what is to be killed is under way: a start, or a race."""
        if self._while_starting:
            return bool(self._cluster.workers(self._name))
        return self._anchors() > self._measured

    def _kill_worker(self) -> bool:
        """Kill the worker of a node that hasn't lost too many; whether it was killed."""
        if self._workers >= MOST_WORKERS or self._rng.random() < 0.2:
            return False
        self._workers += 1
        return self._cluster.kill_worker(self._name)

    def _kill_node(self) -> str:
        """Kill the node, and add another."""
        self._cluster.kill_node(self._name)
        self._name, self._workers, self._measured = f"{self._name}-", 0, 0
        self._cluster.add(self._name, TARGET)
        return "node"

    def _anchors(self) -> int:
        """How often the node has measured its anchors: each of its processes, when it is ready."""
        return len(list(self._folder.glob(f"store/nodes/*/{self._name}/*.json")))


def efficient(cluster: RayCluster, folder: Path, cases: int) -> dict[str, object]:
    """The work of three nodes over their time, from their first case to their last."""
    here = folder / "here"
    here.mkdir()
    one_s, many_s = (alone(folder, here, number) for number in (1, 1 + cases))
    case_s = (many_s - one_s) / cases
    total = len(NODES) * (cases + 1)
    with started(cluster, folder, waiting(folder, total)) as process:
        process.communicate()
    ends = sorted(mark.stat().st_mtime for mark in folder.glob("store/runs/n/parts/*/*/*.done"))[
        -total:
    ]
    # The first of each node has the anchors, and the check of the op.
    wall_s = ends[-1] - ends[len(NODES) - 1]
    efficiency = case_s * (total - len(NODES)) / len(NODES) / wall_s
    return {
        "seconds a case in one process": round(case_s, 3),
        "cases on three nodes": total,
        "seconds from the first to the last": round(wall_s, 2),
        "efficiency": round(efficiency, 3),
        "ms a case that the engine costs": round(1e3 * case_s * (1 / efficiency - 1), 1),
        "as it should be": efficiency >= 0.9,
    }


def waiting(
    folder: Path, cases: int, *, wait_s: float = 0.05, budget_s: float = 1.0
) -> Sequence[str]:
    """The arguments of a run of so many cases whose calls wait for so many seconds."""
    path = folder / "waiting.py"
    path.write_text(_WAITING.format(wait_s=wait_s), encoding="utf-8")
    shapes = [word for number in range(1, cases + 1) for word in ("--shape", f"N={number}")]
    budget = ("--budget", f"{budget_s}s", "--threads", "1")
    return ("waits", "--load", str(path), *budget, *shapes)


def alone(folder: Path, here: Path, cases: int) -> float:
    """The seconds that so many cases take in one process."""
    arguments = ("run", *waiting(folder, cases), "-q", "--json", "--out", str(here))
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "opbench", *arguments], capture_output=True, check=True)
    return time.monotonic() - start


@contextmanager
def started(
    cluster: RayCluster, folder: Path, arguments: Sequence[str], *more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The command on the cluster, which stores below the folder; it ends with the block."""
    store = ("--store", f"file://{folder}/store", "--id", "n", "--on", f"ray:{cluster.address}")
    environment: Mapping[str, str] = {**os.environ, **ENVIRONMENT}
    with subprocess.Popen(
        [sys.executable, "-m", "opbench", "run", *arguments, *more, *store, "-q", "--json"],
        stdout=subprocess.PIPE,
        env=environment,
        cwd=folder,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    main()
