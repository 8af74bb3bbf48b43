"""A Ray cluster of three nodes for tests, until standard input ends: `python ray_cluster.py`.

Two nodes are of one kind; the third, with an allocator of its own, of another. It prints the
address and, by their names, the process that each node stands and falls with.
"""

import json
import sys

import ray
from ray.cluster_utils import Cluster

#: A node that is silent is lost after 3 seconds and not 15.
SYSTEM = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
NODES = (("one", "plain"), ("two", "plain"), ("three", "arenas"))


def start():
    """The cluster, and its nodes by name."""
    cluster, nodes = Cluster(), {}
    for name, kind in NODES:
        # The first is the head of the cluster.
        head = {} if nodes else {"_system_config": SYSTEM, "include_dashboard": False}
        nodes[name] = cluster.add_node(
            num_cpus=1,
            resources={"opbench": 1},
            labels={"opbench-kind": kind},
            node_name=name,
            object_store_memory=80_000_000,
            env_vars={"MALLOC_ARENA_MAX": "1"} if kind == "arenas" else {},
            **head,
        )
    return cluster, nodes


def main():
    cluster, nodes = start()
    raylets = {name: node.all_processes["raylet"][0].process.pid for name, node in nodes.items()}
    sys.stdout.write(json.dumps({"address": cluster.address, "raylets": raylets}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
