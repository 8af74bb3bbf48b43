"""The arguments that several verbs share, as argparse takes them. No torch, no rich.

Each function adds a group of them to a parser; `options` holds the values that they stand for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from opbench.harness.cli.option_types import (
    LARGEST_SEED,
    absolute,
    count,
    duration,
    part,
    served_shapes,
    share,
    size,
    threads,
)
from opbench.harness.cli.parsing import Join, Once
from opbench.harness.declaration.fields import BOARDS
from opbench.harness.declare import LAYOUTS
from opbench.harness.planning.selection import GRIDS
from opbench.harness.versions.worktrees import HERE
from opbench.results.errors import RunFolderError
from opbench.results.records.output_paths import ensure_run_name


def add_isolation(parser: argparse.ArgumentParser) -> None:
    """Add the options of isolation: time, memory, and no processes at all."""
    add = add_limits(parser)
    add("--in-process", action="store_true", help="no child process: for a debugger")


def add_limits(parser: argparse.ArgumentParser) -> Callable[..., argparse.Action]:
    """Add the limits of contenders; return the function that adds more to their group."""
    add = parser.add_argument_group("isolation").add_argument
    add(
        "--timeout",
        type=duration,
        default=300.0,
        metavar="TIME",
        help="what a contender may take to be prepared and checked, or for a block: 90s, 10m "
        "(default: 300s)",
    )
    add(
        "--memory-limit",
        type=size,
        metavar="SIZE",
        help="what contenders may use: 512M, 1.5GiB (default: 80%% of what is free)",
    )
    return add


def add_versions(
    parser: argparse.ArgumentParser, *, required: bool
) -> Callable[..., argparse.Action]:
    """Add the two versions that are compared; return the function that adds another kind of base.

    required: whether there has to be a base.
    """
    group = parser.add_argument_group("what is compared")
    base = group.add_mutually_exclusive_group(required=required)
    base.add_argument("--base", metavar="REF", help="a git ref, checked out beside the head")
    base.add_argument("--base-python", metavar="PATH", help="an interpreter with another torch")
    add = group.add_argument
    add("--head", default=HERE, metavar="REF", help="default: the working tree as it is")
    add("--build", default="", metavar="CMD", help="builds a version that was checked out")
    return base.add_argument


def add_rules(group: argparse._ArgumentGroup) -> Callable[..., argparse.Action]:
    """Add the rules of a gate; return the function that adds more to the group."""
    add = group.add_argument
    add(
        "--alpha",
        type=share,
        default=0.01,
        metavar="P",
        help="share of harmless changes that may fail, over all they touch (default: 1%%)",
    )
    add_min_slowdown(group)
    return add


def add_min_slowdown(group: argparse._ActionsContainer) -> None:
    """Add the smallest slowdown that fails."""
    group.add_argument(
        "--min-slowdown",
        type=share,
        default=0.03,
        metavar="P",
        help="the smallest slowdown that matters (default: 3%%)",
    )


def add_recorded(parser: argparse.ArgumentParser) -> None:
    """Add the run to read."""
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's folder or URL (default: the latest in runs/)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the columns of tables."""
    group = parser.add_mutually_exclusive_group()
    text = "all columns of tables, however wide (default: those that decide, as far as they fit)"
    group.add_argument("--wide", action="store_true", help=text)
    _add_names(group, "--columns", metavar="NAMES", help="only these columns, by commas")


def add_quiet(parser: argparse.ArgumentParser, *, more: str = "") -> None:
    """Add `--quiet`; more: to be said of it."""
    text = f"no progress on standard error; warnings stay{more}"
    parser.add_argument("-q", "--quiet", action="store_true", help=text)


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the place and the name of a new run."""
    parser.add_argument(
        "--out", default="runs", metavar="DIR", help="where runs go (default: runs)"
    )
    parser.add_argument("--id", type=run_name, help="name of the run (default: the time)")


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the store that many processes write into, and the share of this one."""
    group = parser.add_argument_group("many machines")
    group.add_argument(
        "--store",
        metavar="URL",
        help="write the run's cases into a store that others write into as well: "
        "file:///mnt/bench, s3://bucket/bench, gs://bucket/bench; `opbench collect` makes a run "
        "folder of them",
    )
    group.add_argument(
        "--part",
        type=part,
        metavar="I/N",
        help="do the I-th of N shares of the cases; all are given one --id and the same options",
    )


def add_fleet(parser: argparse.ArgumentParser) -> None:
    """Add the engine that has a run done by the nodes of a cluster, and what it starts there."""
    group = parser.add_argument_group("a cluster")
    group.add_argument(
        "--on",
        metavar="ENGINE",
        help="have all nodes of a Ray cluster do it: ray:auto for the one here, ray:HOST:PORT, or "
        "ray to start one of this machine alone; with --store and --id",
    )
    group.add_argument(
        "--kinds",
        default="",
        metavar="NAMES",
        help="do every case on each kind of node, by commas: cpu:epyc,gpu:h100, of which the "
        "second part is the node's label",
    )
    group.add_argument("--orders", metavar="JSON", help=argparse.SUPPRESS)


def add_cases(parser: argparse.ArgumentParser) -> None:
    """Add the filter of recorded cases."""
    # With a default of its own argparse doesn't list it among what is required.
    parser.add_argument("names", nargs="*", default=[], metavar="OP", help="only these ops")
    text = "only these cases, and contenders where some can be picked"
    parser.add_argument("-k", dest="expression", action=Once, default="", metavar="EXPR", help=text)


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Add the filter of recorded cases and contenders."""
    add_cases(parser)
    add_impls(parser)


def add_impls(parser: argparse.ArgumentParser) -> None:
    """Add the choice of contenders."""
    _add_names(parser, "--impl", dest="impls", metavar="NAMES", help="contenders, by commas")


def _add_shapes(
    parser: argparse.ArgumentParser, group: argparse._ArgumentGroup, *, weighs: bool
) -> None:
    """Add what takes the place of the grid, as for `add_selection`."""
    add = group.add_argument
    text = "in place of the grid, every axis (B=4,S=2048) or a declared shape's others (wide,S=64)"
    add("--shape", action="append", default=[], metavar="AXES", help=f"{text}; may be repeated")
    text = "the shapes of a file of `opbench record-shapes`, the most served first"
    if weighs:
        parser.set_defaults(shapes=[])
        add("--shapes", dest="served", type=absolute, metavar="FILE", help=text)
    else:
        add("--shapes", type=served_shapes, default=[], metavar="FILE", help=text)
    text = "an axis of these shapes to go over: S=256..8192, or S=256..8192/9 for nine sizes"
    add("--sweep", action="append", default=[], metavar="AXIS", help=f"{text}; may be repeated")


def add_selection(
    parser: argparse.ArgumentParser,
    *,
    metavar: str = "OP",
    names: str = "ops or suites (default: all)",
    weighs: bool = False,
) -> None:
    """Add the selection: ops, contenders, cases, and modules to load.

    metavar, names: of what is given by position. weighs: whether the verb reads the file of
    `--shapes` itself, for how often each is served.
    """
    group = parser.add_argument_group("selection (options that take several add up if repeated)")
    add = group.add_argument
    add("names", nargs="*", default=[], metavar=metavar, help=names)
    text = "as pytest: 'text and not cpp'"
    add("-k", dest="expression", action=Once, default="", metavar="EXPR", help=text)
    _add_names(group, "--impl", dest="impls", metavar="NAMES", help="contenders, by commas")
    _add_names(group, "--device", help="cpu, cuda, cuda:1, xpu, mps, … (default: cpu)")
    _add_names(group, "--dtype", help="float32, bfloat16, …, by commas")
    _add_names(group, "--pass", dest="passes", help="forward, backward, both, by commas")
    _add_names(group, "--inputs", metavar="KINDS", help="input kinds, by commas")
    _add_names(group, "--board", help=f"{', '.join(BOARDS)} (default: those that an op has)")
    _add_names(group, "--layout", help=f"{', '.join(LAYOUTS)} (default: {LAYOUTS[0]})")
    add("--grid", choices=GRIDS, default="quick")
    _add_shapes(parser, group, weighs=weighs)
    add("--cache", choices=("warm", "cold"), default="warm")
    add("--threads", type=threads, default=0, metavar="N", help="default: every core")
    add("--seed", type=count(0, LARGEST_SEED), default=0, metavar="N", help="default: 0")
    add(
        "--load",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module or a .py file with more ops or contenders; may be repeated",
    )


def run_name(text: str) -> str:
    """The name of a run. Raises ArgumentTypeError, which says why, where it can't be one."""
    try:
        ensure_run_name(text)
    except RunFolderError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _add_names(
    group: argparse._ActionsContainer,
    option: str,
    *,
    help: str,
    dest: str | None = None,
    metavar: str | None = None,
) -> None:
    """Add an option that takes names by commas, and adds up where it is repeated."""
    group.add_argument(option, action=Join, default="", help=help, dest=dest, metavar=metavar)
