"""What a Ray cluster on this machine does to a run: losses, and what the engine costs.

    python -m benchmarks.fleet_ray kills [--kills 20]        kill workers and nodes at random
    python -m benchmarks.fleet_ray efficiency [--cases 40]   cases that wait, beside one process

Nodes are processes here, on the same cores: cases are small, or only wait. Printed are figures as
JSON; it takes minutes. Exits with 1 where a case was lost, or too many were done again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.ray_cluster import ENVIRONMENT, RayCluster, ray_cluster
from opbench.results.store.attempts import StoredRun
from opbench.results.store.collecting import collect

#: Of one kind, the first the cluster's head.
NODES = {"one": "plain", "two": "plain", "three": "plain"}
#: Seconds from one loss of a node to the next.
REST_S = 15.0
#: An op whose contender waits for so long that a case takes a second or two.
_WAITING = """
import time
import torch
from opbench import Cost, Op, impl

waits = Op(
    name="waits",
    oracle=lambda x: x,
    axes={"N": "numbers"},
    inputs={"normal": lambda N, rng: {"x": torch.randn(N, generator=rng)}},
    quick={"one": {"N": 1}},
    edge={"odd": {"N": 3}},
    dtypes=("float32",),
    cost=lambda N: Cost(N, 8 * N),
)

@impl("waits")
def slept(x):
    time.sleep(0.05)
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
    kills.add_argument("--cases", type=int, default=60)
    kills.add_argument("--seed", type=int, default=0)
    efficiency = verbs.add_parser("efficiency", help="of three nodes beside one process")
    efficiency.add_argument("--cases", type=int, default=40, help="of each node")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ray_cluster(NODES) as cluster:
        if args.verb == "kills":
            found = killed(cluster, Path(folder), args.kills, args.cases, args.seed)
        else:
            found = efficient(cluster, Path(folder), args.cases)
    print(json.dumps(found, indent=2))
    sys.exit(not found.pop("as it should be"))


def killed(
    cluster: RayCluster, folder: Path, kills: int, cases: int, seed: int
) -> dict[str, object]:
    """Kill so many workers and nodes, at random moments, while a run is on; what it came to."""
    rng = random.Random(seed)
    process = started(cluster, folder, waiting(folder, cases), "--budget", "1s")
    done, rested_s = {"worker": 0, "node": 0}, dict.fromkeys(NODES, 0.0)
    while sum(done.values()) < kills and process.poll() is None:
        time.sleep(rng.uniform(1, 4))
        # A process that is killed twice before it is ready has its node left out.
        rested = [name for name in sorted(rested_s) if time.monotonic() > rested_s[name]]
        if name := rng.choice([*rested, ""]):
            what = kill_some(cluster, name, is_node=rng.random() < 0.25)
            del rested_s[name]
            if not what:
                # It was left out: there is nothing to kill.
                continue
            done[what] += 1
            rested_s[f"{name}'" if what == "node" else name] = time.monotonic() + REST_S
    out, _ = process.communicate()
    if not out:
        raise SystemExit(f"fleet_ray: the run ended with {process.returncode}: see above")
    document = json.loads(out)
    (stored,) = collect(StoredRun(f"file://{folder}/store", "n"))
    total = sum(done.values())
    whole = stored.whole and stored.cases == cases
    return {
        "killed": done,
        "cases": cases,
        "collected": stored.cases,
        "complete twice": stored.repeated,
        "done again": document["repeated"],
        "exit code": process.returncode,
        "as it should be": whole and total >= kills and document["repeated"] <= total,
    }


def kill_some(cluster: RayCluster, name: str, *, is_node: bool) -> str:
    """Kill a node, in whose place another comes, or its worker; which of them, "" for neither.

    The first node is the cluster's head, which is never killed.
    """
    if is_node and name != next(iter(NODES)):
        cluster.kill_node(name)
        cluster.add(f"{name}'", "plain")
        return "node"
    for _ in range(300):
        if cluster.kill_worker(name):
            return "worker"
        time.sleep(0.1)
    return ""


def efficient(cluster: RayCluster, folder: Path, cases: int) -> dict[str, object]:
    """The work of three nodes over their time, from their first case to their last."""
    here = folder / "here"
    here.mkdir()
    one_s, many_s = (alone(folder, here, number) for number in (1, 1 + cases))
    case_s = (many_s - one_s) / cases
    total = len(NODES) * (cases + 1)
    started(cluster, folder, waiting(folder, total), "--budget", "1s").communicate()
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


def waiting(folder: Path, cases: int) -> Sequence[str]:
    """The arguments of a run of so many cases that only wait."""
    path = folder / "waiting.py"
    path.write_text(_WAITING, encoding="utf-8")
    shapes = [word for number in range(1, cases + 1) for word in ("--shape", f"N={number}")]
    return ("waits", "--load", str(path), "--threads", "1", *shapes)


def alone(folder: Path, here: Path, cases: int) -> float:
    """The seconds that so many cases take in one process."""
    arguments = (
        "run",
        *waiting(folder, cases),
        "--budget",
        "1s",
        "-q",
        "--json",
        "--out",
        str(here),
    )
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "opbench", *arguments], capture_output=True, check=True)
    return time.monotonic() - start


def started(
    cluster: RayCluster, folder: Path, arguments: Sequence[str], *more: str
) -> subprocess.Popen[bytes]:
    """The command on the cluster, which stores below the folder."""
    store = ("--store", f"file://{folder}/store", "--id", "n", "--on", f"ray:{cluster.address}")
    environment: Mapping[str, str] = {**os.environ, **ENVIRONMENT}
    return subprocess.Popen(
        [sys.executable, "-m", "opbench", "run", *arguments, *more, *store, "-q", "--json"],
        stdout=subprocess.PIPE,
        env=environment,
        cwd=folder,
    )


if __name__ == "__main__":
    main()
