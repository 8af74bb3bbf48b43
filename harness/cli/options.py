"""The frozen values that a command line stands for; beyond this no one sees the arguments.

A verb turns its arguments into these in its first lines. No torch, no rich.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli.drawing import ColumnChoice
from opbench.harness.cli.filter import Filter
from opbench.harness.cli.option_types import recorded_shapes
from opbench.harness.cli.output import Output
from opbench.harness.cli.parsing import listed
from opbench.harness.cli.run_folder import NewRun
from opbench.harness.declaration.fields import BOARDS
from opbench.harness.declaration.suggestions import near
from opbench.harness.declare import LAYOUTS
from opbench.harness.planning.selection import DIRECTIONS, Selection
from opbench.results.errors import SelectionError
from opbench.results.records import Direction, GateRules, Rules

if TYPE_CHECKING:
    from opbench.harness.execution.process import Limits
    from opbench.harness.regression.setup import ComparisonRequest, MethodChoice

#: The options that a run keeps, so that it can be resumed.
_SAVED = (
    "names",
    "expression",
    "impls",
    "device",
    "dtype",
    "passes",
    "inputs",
    "layout",
    "board",
    "grid",
    "shape",
    "shapes",
    "sweep",
    "cache",
    "threads",
    "seed",
    "load",
    "budget",
    "precision",
    "tie",
    "processes",
    "store",
    "part",
    "stored_as",
    "no_spot_check",
    "base",
    "base_python",
    "head",
    "build",
    "slowdowns",
    "like",
    "served",
    "until_regret",
    "max_shapes",
    "max_time",
    "all_contenders",
    "accept",
    "max_memory",
    "no_compiler",
    "prefer",
    "baseline",
)


def selection(args: argparse.Namespace) -> Selection:
    """The selection. Raises SelectionError for unknown passes and boards."""
    if "grid" in args.given and (args.shape or args.sweep or args.shapes):
        raise SelectionError(
            "--shape, --shapes and --sweep take the place of --grid: leave one out"
        )
    return Selection(
        names=tuple(dict.fromkeys(args.names)),
        expression=args.expression,
        impls=_split(args.impls),
        devices=_split(args.device) or ("cpu",),
        dtypes=_split(args.dtype),
        directions=tuple(map(_direction, _split(args.passes))) or DIRECTIONS[:1],
        inputs=_split(args.inputs),
        layouts=_split(args.layout) or LAYOUTS[:1],
        boards=_boards(args.board),
        grid=args.grid,
        shapes=tuple(dict.fromkeys(args.shape)),
        recorded=recorded_shapes(args.shapes),
        sweeps=tuple(dict.fromkeys(args.sweep)),
        cache=args.cache,
        threads=args.threads,
        seed=args.seed,
    )


def modules(args: argparse.Namespace) -> tuple[str, ...]:
    """The modules to load besides the installed suites."""
    return tuple(args.load)


def recorded_filter(args: argparse.Namespace) -> Filter:
    """The filter of recorded cases and contenders."""
    return Filter(tuple(args.names), args.expression, _split(getattr(args, "impls", "")))


def rules(args: argparse.Namespace) -> Rules:
    """The decision rules of races, the default ones where none are given."""
    given = {name: getattr(args, name, None) for name in ("tie", "precision")}
    return replace(Rules(), **{name: value for name, value in given.items() if value is not None})


def gate_rules(args: argparse.Namespace) -> GateRules:
    """The decision rules of a gate."""
    return GateRules(alpha=args.alpha, min_slowdown=args.min_slowdown)


def limits(args: argparse.Namespace, *, workers: int = 1) -> Limits:
    """The limits of contenders, in each of some workers side by side."""
    from opbench.harness.execution.process import Limits, default_memory

    return Limits(args.timeout, args.memory_limit or default_memory() // workers)


def isolation(args: argparse.Namespace, *, workers: int = 1) -> Limits | None:
    """The limits of contenders; None in this process, where limits raise SelectionError."""
    if not args.in_process:
        return limits(args, workers=workers)
    if ignored := args.given & {"timeout", "memory_limit", "jobs"}:
        raise SelectionError(f"{listed(ignored)} would bound processes: leave --in-process out")
    return None


def ensure_heeded(args: argparse.Namespace, names: Iterable[str], where: str) -> None:
    """Raise SelectionError for given arguments that the option `where` makes say nothing."""
    if ignored := args.given & set(names):
        raise SelectionError(f"{listed(ignored)} would say nothing to {where}: leave it out")


def output(args: argparse.Namespace) -> Output:
    """How the verb shows its work and its results."""
    flags = {name: getattr(args, name, False) for name in ("json", "quiet", "verbose")}
    return Output(args.verb, **flags)


def columns(args: argparse.Namespace) -> ColumnChoice:
    """The columns that tables are drawn with."""
    return ColumnChoice(_split(args.columns), args.wide)


def new_run(args: argparse.Namespace) -> NewRun:
    """The run that the verb may create."""
    return NewRun(
        verb=args.verb,
        out=Path(args.out),
        id=args.id or "",
        threads=args.threads,
        rules=rules(args),
        settings=dump(args),
    )


def comparison_request(args: argparse.Namespace, *, method: MethodChoice) -> ComparisonRequest:
    """The two versions that are to be compared, and by what method."""
    from opbench.harness.regression.setup import ComparisonRequest

    if args.base_python:
        ensure_heeded(args, ("head", "build"), "--base-python")
    return ComparisonRequest(
        base=args.base or "",
        head=args.head,
        python=args.base_python or "",
        build=args.build,
        selection=selection(args),
        modules=modules(args),
        method=method,
    )


def dump(args: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """The options to keep with a run, each with its value in JSON."""
    values = {name: getattr(args, name) for name in _SAVED if hasattr(args, name)}
    values |= {"verb": args.verb, "load": _from_anywhere(args.load)}
    return tuple((name, json.dumps(value)) for name, value in values.items())


def restore(args: argparse.Namespace, settings: Mapping[str, object]) -> None:
    """Replace the arguments by the options that were kept with a run."""
    for name, value in settings.items():
        if name in _SAVED:
            setattr(args, name, value)


def given(args: argparse.Namespace) -> dict[str, object]:
    """The options that were given, with their values as a run would keep them."""
    values = {name: getattr(args, name) for name in args.given}
    if "load" in values:
        values["load"] = _from_anywhere(args.load)
    if "out" in values:
        values["out"] = str(Path(args.out).resolve())
    return {
        name: str(value) if isinstance(value, Path) else json.loads(json.dumps(value))
        for name, value in values.items()
    }


def _from_anywhere(names: Iterable[str]) -> list[str]:
    """Modules to load, files by names that hold in any folder: a run may be resumed there."""
    return [str(Path(name).resolve()) if name.endswith(".py") else name for name in names]


def _direction(text: str) -> Direction:
    """A pass. Raises SelectionError, with the nearest, for any other text."""
    for direction in DIRECTIONS:
        if direction == text:
            return direction
    known = ", ".join(DIRECTIONS)
    raise SelectionError(f"--pass {text!r} is not one of {known}{near(text, DIRECTIONS)}")


def _boards(text: str) -> tuple[str, ...]:
    """The boards that are named, or all. Raises SelectionError for unknown ones."""
    for name in _split(text):
        if name not in BOARDS:
            known = ", ".join(BOARDS)
            raise SelectionError(f"there is no board {name!r}{near(name, BOARDS)}; boards: {known}")
    return _split(text) or BOARDS


def _split(text: str) -> tuple[str, ...]:
    """Names by commas, each once."""
    return tuple(dict.fromkeys(name for name in text.split(",") if name))
