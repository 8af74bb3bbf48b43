"""The arguments of `opbench choose`, and the request that they stand for. No torch."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opbench.harness.cli import arguments, options
from opbench.harness.cli.option_types import recorded_shapes, served_shapes, size
from opbench.harness.cli.parsing import Join
from opbench.harness.cli.run_folder import recorded
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.cli.filter import Filter
    from opbench.harness.cli.output import Output
    from opbench.results.choosing.candidates import Conditions
    from opbench.results.choosing.served import Served
    from opbench.results.choosing.wishes import Wishes
    from opbench.results.records import Case
    from opbench.results.records.run_folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `opbench choose`."""
    _add_cases(parser)
    add_conditions(parser)
    _add_answers(parser)
    arguments.add_json(parser)


def _add_cases(parser: argparse.ArgumentParser) -> None:
    """Add which recorded cases count."""
    add = parser.add_argument
    text = "ops or suites (default: all), and runs of one machine (default: the latest in runs/)"
    add("names", nargs="*", default=[], metavar="OP|RUN", help=text)
    add("-k", dest="expression", default="", metavar="EXPR", help="only these cases")
    _add_names(add, "--dtype", "only these dtypes")
    _add_names(add, "--pass", "only these passes", dest="passes")
    _add_names(add, "--inputs", "only these input kinds")
    _add_names(add, "--board", "only these output modes")


def add_conditions(parser: argparse.ArgumentParser) -> None:
    """Add what a contender has to fulfil, and which goes first."""
    add = parser.add_argument_group("what may be chosen").add_argument
    _add_names(add, "--accept", "input kinds on which it may be wrong, as it admits: nonfinite, …")
    add("--max-memory", type=size, metavar="SIZE", help="the most that a call may hold: 512M")
    add("--no-compiler", action="store_true", help="nothing that needs a compiler")
    _add_names(add, "--prefer", "these where they lose nothing that was shown: the incumbent, say")
    text = "what to compare with, beside the best single contender (default: torch)"
    add("--baseline", default="torch", metavar="NAME", help=text)


def _add_answers(parser: argparse.ArgumentParser) -> None:
    """Add what is asked for: shapes, weights, a table."""
    add = parser.add_argument
    text = "answer for this shape, B=4,S=2048,D=768,P=500, in a sentence; may be repeated"
    add("--shape", action="append", default=[], metavar="AXES", help=text)
    text = "answer for each shape of the op in a file of `opbench record-shapes`"
    add("--shapes", type=served_shapes, default=[], metavar="FILE", help=text)
    text = 'how often shapes are served: lines of {"op": …, "axes": {…}, "count": n}'
    add("--weights", type=Path, metavar="FILE", help=text)
    text = "write the choices for one op as a table for opbench.dispatch"
    add("-o", dest="table", type=Path, metavar="FILE", help=text)
    text = "write them as a Python module that needs no opbench instead, where sources allow it"
    add("--emit", choices=("python",), help=text)
    text = "a module or a .py file with more ops or contenders; may be repeated"
    add("--load", action="append", default=[], metavar="MODULE", help=text)


def _add_names(
    add: Callable[..., argparse.Action], option: str, text: str, *, dest: str | None = None
) -> None:
    """Add an option that takes names by commas."""
    help = f"{text}, by commas"
    add(option, dest=dest or option[2:], action=Join, default="", metavar="NAMES", help=help)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRequest:
    """What is to be chosen, and from what."""

    runs: tuple[RunFolder, ...]
    selector: Filter
    #: By field of a case, the values that count; all where there is none.
    only: tuple[tuple[str, tuple[object, ...]], ...]
    conditions: Conditions
    preferred: tuple[str, ...]
    baseline: str
    shapes: tuple[str, ...]
    #: Recorded ones, each with its op.
    recorded: tuple[tuple[str, str], ...]
    served: tuple[Served, ...]
    #: The file to write; None for none.
    table: Path | None
    #: Whether that is a Python module.
    emits: bool
    modules: tuple[str, ...]
    output: Output

    def shapes_of(self, op: str) -> tuple[str, ...]:
        """The shapes of an op to answer for. Raises SelectionError where only others have some."""
        own = (*self.shapes, *(text for name, text in self.recorded if name == op))
        if self.recorded and not own:
            raise SelectionError(f"--shapes: there is no shape of {op} in the file")
        return own

    def has(self, case: Case) -> bool:
        """Whether a case counts."""
        return self.selector.has_case(case) and all(
            not names or getattr(case, field) in names for field, names in self.only
        )

    @property
    def wishes(self) -> Wishes:
        """What is asked of a choice, whatever the situation."""
        from opbench.results.choosing.wishes import Wishes

        return Wishes(
            conditions=self.conditions,
            preferred=self.preferred,
            baseline=self.baseline,
            served=self.served,
        )


def request_of(args: argparse.Namespace, suites: Mapping[str, tuple[str, ...]]) -> ChoiceRequest:
    """What the arguments ask for. Raises SelectionError for what doesn't go together.

    suites: by the name of each, its ops.
    """
    from opbench.results.choosing.served import read_served

    if args.emit and not args.table:
        raise SelectionError("--emit says what -o writes: give -o with a file")
    # What has a slash is no name of an op: if it isn't a run, that is the error.
    paths = {n: "/" in n or (Path(n) / "run.json").exists() for n in args.names}
    runs = tuple(recorded(name) for name, is_run in paths.items() if is_run) or (recorded(None),)
    names = [name for name, is_run in paths.items() if not is_run]
    selector = _selector(names, args.expression, suites, runs)
    fields = {"dtype": args.dtype, "direction": args.passes, "inputs": args.inputs}
    only = {field: _split(text) for field, text in (fields | {"board": args.board}).items()}
    return ChoiceRequest(
        runs=runs,
        selector=selector,
        only=tuple(only.items()),
        conditions=_conditions(args),
        preferred=_split(args.prefer),
        baseline=args.baseline,
        shapes=tuple(dict.fromkeys(args.shape)),
        recorded=recorded_shapes(args.shapes),
        served=read_served(args.weights) if args.weights else (),
        table=args.table,
        emits=args.emit is not None,
        modules=options.modules(args),
        output=options.output(args),
    )


def _selector(
    names: Iterable[str],
    expression: str,
    suites: Mapping[str, tuple[str, ...]],
    runs: tuple[RunFolder, ...],
) -> Filter:
    """Which recorded cases count. A suite stands for those of its ops that were raced.

    Raises SelectionError for a name that no run has, or an expression that fits nothing.
    """
    from opbench.harness.cli.filter import Filter

    raced = {record.case.op for run in runs for record in run.records()}
    ops: list[str] = []
    for name in names:
        members = [op for op in suites.get(name, ()) if op in raced]
        ops += members if members and name not in raced else [name]
    selector = Filter(tuple(dict.fromkeys(ops)), expression)
    selector.ensure_recorded(*runs, by_contender=False)
    return selector


def wishes(args: argparse.Namespace) -> Wishes:
    """What the options that `add_conditions` adds say of a choice."""
    from opbench.results.choosing.wishes import Wishes

    preferred = _split(args.prefer)
    return Wishes(conditions=_conditions(args), preferred=preferred, baseline=args.baseline)


def _conditions(args: argparse.Namespace) -> Conditions:
    """What a contender has to fulfil."""
    from opbench.results.choosing.candidates import Conditions

    accepted, compiler = frozenset(_split(args.accept)), not args.no_compiler
    return Conditions(accepted=accepted, max_memory=args.max_memory, compiler=compiler)


def _split(text: str) -> tuple[str, ...]:
    """Names by commas."""
    return tuple(filter(None, text.split(",")))
