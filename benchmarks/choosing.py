"""What choosing costs on shapes that weren't measured: chosen over best, op by op.

For each op two sets of shapes are drawn from ranges, evenly in the logarithm, and raced by
`opbench run --shape`: one to choose from, one that no choice has seen. The best of a shape is named
on one half of its rounds and priced on the other. Beside it: always the best single contender,
torch's own, the best of the nearest measured shape, and a tree that learns the winners' names, as
AutoHeuristic fits one. Runs that are there already are read, and not made anew.

    python -m benchmarks.choosing --ops gather_2d,moe_combine --known 40 --out runs/choosing
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from opbench.results.choosing.between import axes_logs, feature_logs
from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Choice, Terms
from opbench.results.choosing.features import products
from opbench.results.choosing.gather import Races, choose_for, gather
from opbench.results.choosing.regret import regret_of
from opbench.results.choosing.rules import chosen
from opbench.results.choosing.situations import Row
from opbench.results.records.run_folder import RunFolder

#: Sizes of images and of the windows that slide over them.
_WINDOWS = {
    "N": (1, 4),
    "C": (1, 64),
    "H": (8, 64),
    "W": (8, 64),
    "K": (2, 5),
    "stride": (1, 3),
    "padding": (1, 1),
    "dilation": (1, 1),
}
_BLOCKS = {"B": (1, 8), "C": (1, 128), "H": (4, 64), "W": (4, 64), "s": (2, 4)}
_IMAGES = {"B": (1, 8), "C": (1, 128), "H": (4, 64), "W": (4, 64)}
_HEADS = {"B": (1, 8), "N": (8, 512), "h": (1, 16), "d": (8, 128)}
_ROWS = {"B": (1, 1024), "N": (4, 8192)}
#: By op, the least and the largest size of each axis.
RANGES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "sample_distribution": {"K": (2, 65536), "N": (64, 262144)},
    "collect_columns": {"M": (8, 2048), "N": (8, 2048), "K": (1, 512)},
    "integer_array_indexing": {"R": (2, 4), "D": (4, 32), "B": (8, 65536)},
    "temperatures_average": {"W": (3, 65536)},
    "temperatures_normalized": {"W": (3, 65536)},
    "im2col": _WINDOWS,
    "col2im": _WINDOWS,
    "max_pool2d": _WINDOWS,
    "pixel_shuffle": _BLOCKS,
    "pixel_unshuffle": _BLOCKS,
    "patch_pooling": {"B": (1, 8), "S": (32, 1024), "D": (8, 512), "P": (4, 128)},
    "moe_combine": {"T": (8, 2048), "K": (1, 8), "D": (8, 1024)},
    "moe_combine_sorted": {"T": (8, 2048), "K": (1, 8), "D": (8, 1024), "E": (8, 16)},
    "expert_forward": {"E": (2, 16), "T": (1, 256), "D": (16, 256), "F": (16, 512)},
    "topk_gating": {"T": (8, 4096), "E": (4, 64), "K": (1, 4)},
    "total_price_gather": {"K": (4, 65536), "N": (4, 262144)},
    "global_average_pool": {"B": (1, 32), "C": (8, 512), "H": (2, 56), "W": (2, 56)},
    "channel_max": {"B": (1, 32), "C": (8, 512), "H": (2, 56), "W": (2, 56)},
    "max_pool2d_backward": _WINDOWS,
    "moe_forward": {"T": (4, 512), "E": (2, 16), "K": (1, 2), "D": (16, 256), "F": (16, 256)},
    "window_attention_scores": {
        "B": (1, 4),
        "N": (64, 1024),
        "D": (8, 128),
        "w": (8, 64),
        "s": (4, 32),
    },
    "batched_dot_product_nd": {"B": (1, 1024), "I": (2, 64), "J": (2, 64)},
    "boundary_upsample": {"L": (16, 2048), "B": (1, 16), "D": (8, 512)},
    "boundary_downsample": {"L": (16, 512), "B": (1, 8), "D": (8, 512)},
    "gather_2d": {"M": (8, 2048), "N": (8, 2048), "K": (1, 256)},
    "patch_pooling_ids": {"B": (1, 8), "S": (32, 1024), "D": (8, 512), "P": (4, 128)},
    "inverse_cdf": {"K": (2, 65536), "N": (64, 262144)},
    "sliding_windows": {"B": (1, 4), "N": (64, 1024), "D": (8, 128), "w": (8, 64), "s": (4, 32)},
    "tile": {"n": (1, 64), "H": (4, 256), "W": (4, 256)},
    "grouped_matmul": {"N": (8, 1024), "D": (8, 256), "F": (8, 256), "E": (2, 32)},
    "conv2d": {
        "N": (1, 4),
        "Ci": (1, 64),
        "H": (8, 64),
        "W": (8, 64),
        "Co": (1, 64),
        "K": (1, 5),
        "stride": (1, 2),
        "padding": (1, 1),
        "dilation": (1, 1),
        "groups": (1, 1),
    },
    "batch_transpose": {"B": (1, 16), "H": (4, 512), "W": (4, 512)},
    "swap_height_width": _IMAGES,
    "cyclic_permute": {"a": (1, 8), "b": (1, 128), "c": (4, 64), "d": (4, 64)},
    "split_heads": _HEADS,
    "merge_heads": _HEADS,
    "batched_softmax": _ROWS,
    "batched_logsoftmax": _ROWS,
    "batched_logsumexp": _ROWS,
    "batched_cross_entropy_loss": {"B": (1, 1024), "C": (4, 8192)},
}
#: Of these, contenders in C++ are raced too: without them one contender is the best everywhere.
WITH_COMPILER = {
    *("batch_transpose", "swap_height_width", "cyclic_permute", "split_heads", "merge_heads"),
    *("batched_softmax", "batched_logsoftmax", "batched_logsumexp", "batched_cross_entropy_loss"),
}
#: The most elements that all sizes of a shape may multiply to: oracles are loops.
_LARGEST = 2**24


def drawn(op: str, count: int, seed: str) -> list[str]:
    """So many shapes of an op, as `--shape` takes them."""
    rng = random.Random(f"{op}/{seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        sizes = {
            axis: round(math.exp(rng.uniform(math.log(low), math.log(high))))
            for axis, (low, high) in RANGES[op].items()
        }
        if math.prod(sizes.values()) <= _LARGEST:
            found[",".join(f"{axis}={size}" for axis, size in sizes.items())] = None
    return list(found)


def raced(op: str, shapes: Sequence[str], name: str, args: argparse.Namespace) -> RunFolder:
    """The run of some shapes, made where it isn't there."""
    folder = Path(args.out) / name
    if not (folder / "run.json").exists():
        command = [sys.executable, "-m", "opbench", "run", op, "-q", "--id", name]
        command += ["--out", args.out, "--threads", "1", "--budget", args.budget]
        command += ["-k", expression(op)]
        command += [word for shape in shapes for word in ("--shape", shape)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return RunFolder(folder)


def expression(op: str) -> str:
    """The contenders that are raced, as `-k` takes them; a view takes no time."""
    compiled = "not compile and not triton and not view"
    return compiled if op in WITH_COMPILER else f"{compiled} and not cpp"


def _races(folder: RunFolder) -> Races:
    """The races of the run's only situation, or of its first output mode."""
    return gather([folder])[0][0]


def ways(choice: Choice, rows: Sequence[Row], baseline: str) -> dict[str, Callable[[Row], str]]:
    """How else to choose, by name, beside the choice itself."""
    names = choice.contenders

    def nearest(row: Row) -> str:
        times = min(rows, key=lambda other: other.distance(row.axes)).times
        return min(names, key=lambda name: times[name].time_s)

    found: dict[str, Callable[[Row], str]] = {
        "chosen": lambda row: chosen(choice.rule, row.axes),
        "nearest": nearest,
        "single": lambda row: names[0],
    }
    if baseline in names:
        found["torch"] = lambda row: baseline
    return found | _by_names(choice, rows)


def _by_names(choice: Choice, rows: Sequence[Row]) -> dict[str, Callable[[Row], str]]:
    """A tree that learns who won, where scikit-learn is installed."""
    try:
        from sklearn.tree import DecisionTreeClassifier
    except ImportError:
        return {}
    axes = tuple(rows[0].axes)
    names = choice.contenders
    logs = feature_logs(axes_logs(rows, axes), axes, products(axes))
    winners = [min(names, key=lambda n, r=row: r.times[n].time_s) for row in rows]  # type: ignore[misc]
    tree = DecisionTreeClassifier(max_depth=7, min_samples_leaf=2, random_state=0)
    tree.fit(logs, winners)

    def predicted(row: Row) -> str:
        return str(tree.predict(feature_logs(axes_logs([row], axes), axes, products(axes)))[0])

    return {"names' tree": predicted}


def of_op(op: str, args: argparse.Namespace) -> dict[str, list[float]]:
    """By way to choose, the logarithm of chosen over best on each unseen shape."""
    known = raced(op, drawn(op, args.known, f"{args.seed}/known"), f"{op}-known", args)
    unseen = raced(op, drawn(op, args.unseen, f"{args.seed}/unseen"), f"{op}-unseen", args)
    races = _races(known)
    rows = tuple(races.rows.values())
    accepted = frozenset({"nonfinite", "huge", "large"})
    choice = choose_for(races, Conditions(accepted=accepted), Terms(axes=tuple(rows[0].axes)))
    test = [row for row in _races(unseen).rows.values() if set(choice.contenders) <= set(row.times)]
    return {
        way: [row.price(pick(row), choice.contenders) for row in test]
        for way, pick in ways(choice, rows, "torch").items()
    }


def main() -> None:
    """Race, choose, and print the regrets of each op and of those that have a choice to make."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ops", default=",".join(RANGES))
    parser.add_argument("--known", type=int, default=40, help="shapes to choose from")
    parser.add_argument("--unseen", type=int, default=40, help="shapes that price the choice")
    parser.add_argument("--budget", default="1s", help="of each race (default: 1s)")
    parser.add_argument("--out", default="runs/choosing")
    parser.add_argument("--seed", default="0")
    args = parser.parse_args()
    counted: dict[str, list[float]] = {}
    print(f"{'op':24} {'shapes':>6}  {'chosen over best':34} others, in the mean")
    for op in args.ops.split(","):
        logs = of_op(op, args)
        counts = math.exp(float(np.mean(logs["single"]))) >= 1.10
        for way, values in logs.items() if counts else ():
            counted.setdefault(way, []).extend(values)
        print(f"{op:24} {_line(logs)}{'' if counts else '   (not counted)'}", flush=True)
    if counted:
        print(f"{'counted':24} {_line(counted)}")
        gap = 1 - float(np.sum(counted["chosen"]) / np.sum(counted["single"]))
        print(f"of the gap between the best single contender and the best, {gap:.0%} is closed")


def _line(logs: Mapping[str, Sequence[float]]) -> str:
    """The regret of what is chosen, and the means of the others."""
    own = regret_of(logs["chosen"])
    mean = f"{own.mean.value:.3f} [{own.mean.low:.3f}, {own.mean.high:.3f}]"
    others = (
        f"{way} {math.exp(float(np.mean(values))):.3f}"
        for way, values in logs.items()
        if way != "chosen"
    )
    return f"{own.shapes:6}  {mean} p95 {own.p95:.2f} max {own.worst:.2f}  {', '.join(others)}"


if __name__ == "__main__":
    main()
