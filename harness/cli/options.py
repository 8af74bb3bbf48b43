"""The words that several verbs share, and the selection that they stand for. No torch, no rich."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from opbench.harness.cli.option_types import LARGEST_SEED, count, duration, share, size, threads
from opbench.harness.cli.parsing import Join, Once
from opbench.harness.declaration.fields import BOARDS
from opbench.harness.declaration.suggestions import near
from opbench.harness.declare import LAYOUTS
from opbench.harness.planning.selection import DIRECTIONS, GRIDS, Selection
from opbench.harness.versions.worktrees import HERE
from opbench.results.errors import RunFolderError, SelectionError
from opbench.results.records import Direction, Rules
from opbench.results.records.output_paths import ensure_run_name

#: What a run keeps of its command line, so that it can be resumed.
_REMEMBERED = (
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
    "cache",
    "threads",
    "seed",
    "load",
    "budget",
    "precision",
    "tie",
    "processes",
    "base",
    "base_python",
    "head",
    "build",
    "slowdowns",
)


def selection(words: argparse.Namespace) -> Selection:
    """The selection that the options stand for. Raises SelectionError for unknown words."""
    return Selection(
        names=tuple(dict.fromkeys(words.names)),
        expression=words.expression,
        impls=_split(words.impls),
        devices=_split(words.device) or ("cpu",),
        dtypes=_split(words.dtype),
        directions=_directions(words.passes),
        inputs=_split(words.inputs),
        layouts=_split(words.layout) or LAYOUTS[:1],
        boards=_boards(words.board),
        grid=words.grid,
        cache=words.cache,
        threads=words.threads,
        seed=words.seed,
    )


def rules(words: argparse.Namespace) -> Rules:
    """By what the races are to be decided; the usual rules where nothing else was asked."""
    usual = Rules()
    asked = {name: getattr(words, name, None) for name in ("tie", "precision")}
    return replace(usual, **{name: value for name, value in asked.items() if value is not None})


def remember(words: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """What was asked for, to be kept with a run: each option and its value in JSON."""
    kept = {name: getattr(words, name) for name in _REMEMBERED if hasattr(words, name)}
    kept |= {"verb": words.verb, "load": from_anywhere(words.load)}
    return tuple((name, json.dumps(value)) for name, value in kept.items())


def from_anywhere(modules: Iterable[str]) -> list[str]:
    """The modules to load, files by names that hold in any folder: a run may be resumed there."""
    return [str(Path(name).resolve()) if name.endswith(".py") else name for name in modules]


def recall(words: argparse.Namespace, settings: tuple[tuple[str, str], ...]) -> None:
    """Put what `remember` kept into `words`, in the place of what was given now."""
    for name, text in settings:
        if name in _REMEMBERED:
            setattr(words, name, json.loads(text))


def add_isolation(verb: argparse.ArgumentParser) -> None:
    """Add how contenders are kept apart from the command: time, memory, processes."""
    add = add_limits(verb)
    add("--in-process", action="store_true", help="no child process: for a debugger")


def add_limits(verb: argparse.ArgumentParser) -> Callable[..., argparse.Action]:
    """Add what contenders may take; returns what adds more to the group."""
    add = verb.add_argument_group("isolation").add_argument
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
    verb: argparse.ArgumentParser, *, required: bool
) -> Callable[..., argparse.Action]:
    """Add which two versions are compared; returns what adds another kind of base.

    required: whether there has to be a base.
    """
    group = verb.add_argument_group("what is compared")
    base = group.add_mutually_exclusive_group(required=required)
    base.add_argument("--base", metavar="REF", help="a git ref, checked out beside the head")
    base.add_argument("--base-python", metavar="PATH", help="an interpreter with another torch")
    add = group.add_argument
    add("--head", default=HERE, metavar="REF", help="default: the working tree as it is")
    add("--build", default="", metavar="CMD", help="builds a version that was checked out")
    return base.add_argument


def add_rules(group: argparse._ArgumentGroup) -> Callable[..., argparse.Action]:
    """Add by what a gate decides; returns what adds more to the group."""
    add = group.add_argument
    add(
        "--alpha",
        type=share,
        default=0.01,
        metavar="P",
        help="share of harmless changes that may fail, over all they touch (default: 1%%)",
    )
    add(
        "--min-slowdown",
        type=share,
        default=0.03,
        metavar="P",
        help="the smallest slowdown that matters (default: 3%%)",
    )
    return add


def add_recorded(verb: argparse.ArgumentParser) -> None:
    """Add the run that is read."""
    verb.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's folder (default: the latest in runs/)"
    )


def add_json(verb: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    verb.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_quiet(verb: argparse.ArgumentParser) -> None:
    """Add `--quiet`."""
    text = "no progress on standard error; warnings stay"
    verb.add_argument("-q", "--quiet", action="store_true", help=text)


def add_out(verb: argparse.ArgumentParser) -> None:
    """Add where a new run goes."""
    verb.add_argument("--out", default="runs", metavar="DIR", help="where runs go (default: runs)")
    verb.add_argument("--id", type=run_name, help="name of the run (default: the time)")


def add_cases(verb: argparse.ArgumentParser) -> None:
    """Add what picks some of the cases that were recorded."""
    # With a default of its own argparse doesn't list it among what is required.
    verb.add_argument("names", nargs="*", default=[], metavar="OP", help="only these ops")
    text = "only these cases, and contenders where some can be picked"
    verb.add_argument("-k", dest="expression", action=Once, default="", metavar="EXPR", help=text)


def add_picks(verb: argparse.ArgumentParser) -> None:
    """Add what picks some of the cases and contenders that were recorded."""
    add_cases(verb)
    _add_names(verb, "--impl", dest="impls", metavar="NAMES", help="contenders, by commas")


def add_selection(verb: argparse.ArgumentParser) -> None:
    """Add what `selection` reads: ops, contenders, cases and modules to load."""
    group = verb.add_argument_group("selection (options that take several add up if repeated)")
    add = group.add_argument
    add("names", nargs="*", default=[], metavar="OP", help="ops or suites (default: all)")
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


def _boards(text: str) -> tuple[str, ...]:
    for word in _split(text):
        if word not in BOARDS:
            raise SelectionError(
                f"there is no board {word!r}{near(word, BOARDS)}; boards: {', '.join(BOARDS)}"
            )
    return _split(text) or BOARDS


def _directions(text: str) -> tuple[Direction, ...]:
    known: dict[str, Direction] = {direction: direction for direction in DIRECTIONS}
    for name in _split(text):
        if name not in known:
            raise SelectionError(
                f"--pass {name!r} is not one of {', '.join(known)}{near(name, DIRECTIONS)}"
            )
    return tuple(known[name] for name in _split(text)) or DIRECTIONS[:1]


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in text.split(",") if word))
