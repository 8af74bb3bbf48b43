"""The command's words: verbs, options, and the selection that they stand for. No torch, no rich."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.declare import BOARDS, LAYOUTS
from harness.planning import DIRECTIONS, GRIDS, Selection
from results.errors import SelectionError
from results.formats import FORMATS
from results.record import Rules

EXIT_CODES = """\
exit codes:
  0  all well
  1  a regression is confirmed
  2  wrong command line
  3  inconclusive: the asked precision wasn't reached
  4  a contender gave a wrong result
  5  a contender crashed, hung or ran out of memory
  6  nothing could be measured, or the environments can't be compared
"""
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
)
LISTS = ("ops", "impls", "cases", "suites")


def parser() -> argparse.ArgumentParser:
    """The parser of `opbench`."""
    root = argparse.ArgumentParser(
        prog="opbench",
        description="Race, check and profile competing implementations of PyTorch ops.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"opbench {version('opbench')}")
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (words, add) in _VERBS.items():
        add(verbs.add_parser(name, help=words, description=words[0].upper() + words[1:] + "."))
    return root


def selection(words: argparse.Namespace) -> Selection:
    """The selection that the options stand for. Raises SelectionError for unknown words."""
    directions = _split(words.passes) or DIRECTIONS[:1]
    for direction in directions:
        if direction not in DIRECTIONS:
            raise SelectionError(f"--pass {direction!r} is not one of {', '.join(DIRECTIONS)}")
    return Selection(
        names=tuple(words.names),
        expression=words.expression,
        impls=_split(words.impls),
        devices=_split(words.device) or ("cpu",),
        dtypes=_split(words.dtype),
        directions=directions,
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
    # A run may be resumed from another folder.
    kept["load"] = [str(Path(m).resolve()) if m.endswith(".py") else m for m in words.load]
    return tuple((name, json.dumps(value)) for name, value in kept.items())


def recall(words: argparse.Namespace, settings: tuple[tuple[str, str], ...]) -> None:
    """Put what `remember` kept into `words`, in the place of what was given now."""
    for name, text in settings:
        if name in _REMEMBERED:
            setattr(words, name, json.loads(text))


def _add_list(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("what", nargs="?", choices=LISTS, default="ops", help="default: ops")
    _add_selection(verb)
    _add_json(verb)
    verb.add_argument(
        "--markdown", metavar="DIR", help="write a page for every suite into this folder instead"
    )


def _add_check(verb: argparse.ArgumentParser) -> None:
    _add_selection(verb)
    _add_json(verb)
    _add_isolation(verb)
    verb.add_argument(
        "--jobs",
        type=_positive(int),
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes that check side by side (default: one for every core)",
    )
    verb.add_argument("--pairs", action="store_true", help="print how far contenders differ")


def _add_run(verb: argparse.ArgumentParser) -> None:
    _add_selection(verb)
    _add_json(verb)
    _add_out(verb)
    verb.add_argument("--resume", metavar="RUN", help="finish this run, as it was begun")
    add = verb.add_argument_group("race").add_argument
    add("--budget", type=_positive(float), default=3.0, help="seconds per case (default: 3)")
    add("--precision", type=_share, metavar="P", help="of ratios, 1%% say; exit 3 if not reached")
    add("--tie", type=_share, metavar="P", help="who is closer than this ties (default: 1%%)")
    add(
        "--processes",
        type=_positive(int),
        default=1,
        metavar="N",
        help="race each case in N fresh processes, which are then the units of evidence",
    )
    _add_isolation(verb)


def _add_profile(verb: argparse.ArgumentParser) -> None:
    _add_selection(verb)
    _add_json(verb)
    _add_out(verb)
    verb.add_argument("--run", metavar="RUN", help="add the profiles to this run")
    _add_isolation(verb)
    verb.add_argument("--top", type=_positive(int), default=8, help="operators shown (default: 8)")


def _add_calibrate(verb: argparse.ArgumentParser) -> None:
    _add_json(verb)
    verb.add_argument(
        "--ceilings",
        action="store_true",
        required=True,
        help="measure what this machine can do at most, and keep it for later runs",
    )
    verb.add_argument("--device", default="", help="devices, by commas (default: cpu)")
    verb.add_argument("--threads", type=_positive(int), default=0, help="default: every core")
    verb.add_argument(
        "--seconds", type=_positive(float), default=12.0, help="to spend on it (default: 12)"
    )
    verb.add_argument(
        "--fresh",
        action="store_true",
        help="forget earlier measurements instead of the best of all",
    )


def _add_isolation(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument_group("isolation").add_argument
    add(
        "--timeout",
        type=_positive(float),
        default=300.0,
        metavar="S",
        help="seconds a contender may take to be prepared and checked, or for a block "
        "(default: 300)",
    )
    add(
        "--memory-limit",
        type=_bytes,
        metavar="SIZE",
        help="what contenders may use, 8G say (default: 80%% of what is free)",
    )
    add("--in-process", action="store_true", help="no child process: for a debugger")


def _add_show(verb: argparse.ArgumentParser) -> None:
    _add_recorded(verb)
    _add_json(verb)
    verb.add_argument("names", nargs="*", metavar="OP", help="only these ops")
    verb.add_argument("-k", dest="expression", default="", metavar="EXPR", help="only these cases")


def _add_publish(verb: argparse.ArgumentParser) -> None:
    _add_recorded(verb)


def _add_dashboard(verb: argparse.ArgumentParser) -> None:
    _add_recorded(verb)
    verb.add_argument("--port", type=int, default=6006, help="default: 6006; 0 takes a free one")
    verb.add_argument("--host", default="localhost", help="default: localhost")


def _add_export(verb: argparse.ArgumentParser) -> None:
    _add_recorded(verb)
    verb.add_argument("--format", choices=sorted(FORMATS), required=True)
    verb.add_argument("--by", choices=("job", "sample"), default="job", help="a row per what")
    verb.add_argument("-o", "--output", required=True, metavar="FILE")


def _add_recorded(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's folder (default: the latest in runs/)"
    )


def _add_json(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="print JSON, for programs")


def _add_out(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--out", default="runs", metavar="DIR", help="where runs go (default: runs)")
    verb.add_argument("--id", help="name of the run (default: the time)")


def _add_selection(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument_group("selection").add_argument
    add("names", nargs="*", metavar="OP", help="ops or suites (default: all)")
    add("-k", dest="expression", default="", metavar="EXPR", help="as pytest: 'text and not cpp'")
    add("--impl", dest="impls", default="", metavar="NAMES", help="contenders, by commas")
    add("--device", default="", help="cpu, cuda, cuda:1, xpu, mps, … (default: cpu)")
    add("--dtype", default="", help="float32, bfloat16, …, by commas")
    add("--pass", dest="passes", default="", help="forward, backward, both, by commas")
    add("--inputs", default="", metavar="KINDS", help="input kinds, by commas")
    add("--board", default="", help=f"{', '.join(BOARDS)} (default: those that an op has)")
    add("--layout", default="", help=f"{', '.join(LAYOUTS)} (default: {LAYOUTS[0]})")
    add("--grid", choices=GRIDS, default="quick")
    add("--cache", choices=("warm", "cold"), default="warm")
    add("--threads", type=_positive(int), default=0, help="default: every core")
    add("--seed", type=int, default=0)
    add(
        "--load",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module or a .py file with more ops or contenders; may be repeated",
    )


def _positive(kind: type[int] | type[float]) -> Callable[[str], Any]:
    def parse(text: str) -> int | float:
        value = kind(text)
        if not value > 0:
            raise ValueError(text)
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse


def _share(text: str) -> float:
    """A share, as "1%" or "0.01"."""
    value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 < value < 1:
        raise ValueError(text)
    return value


def _bytes(text: str) -> int:
    """A size, as "8G", "512MiB" or in bytes."""
    number = text.rstrip("iBb")
    unit = _UNITS.get(number[-1:].upper(), 1)
    value = int(float(number.rstrip("kKmMgGtT")) * unit)
    if value <= 0:
        raise ValueError(text)
    return value


_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# What argparse calls them when it refuses a word.
_share.__name__, _bytes.__name__ = "share", "size"


def _boards(text: str) -> tuple[str, ...]:
    for word in _split(text):
        if word not in BOARDS:
            raise SelectionError(f"there is no board {word!r}; boards: {', '.join(BOARDS)}")
    return _split(text) or BOARDS


def _split(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


_VERBS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "list": ("list ops, contenders, cases or suites", _add_list),
    "check": ("check contenders against the oracle and each other", _add_check),
    "run": ("race contenders and record the run", _add_run),
    "profile": ("profile contenders: traces, operators, memory", _add_profile),
    "calibrate": ("measure what this machine can do at most", _add_calibrate),
    "show": ("print the leaderboards of a run", _add_show),
    "publish": ("write a run's TensorBoard dashboard", _add_publish),
    "dashboard": ("open a run in TensorBoard", _add_dashboard),
    "export": ("write a run as CSV, JSON, Markdown or Parquet", _add_export),
}
