"""`opbench choose`: from recorded races to the contender that is to run, and what that may cost."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opbench.harness.cli import arguments, options
from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.drawing import ColumnChoice, draw, draw_rows, say
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.option_types import size
from opbench.harness.cli.output import complain, print_json
from opbench.harness.cli.parsing import Join
from opbench.harness.cli.run_folder import recorded
from opbench.results.errors import NothingRecordedError, SelectionError

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.choosing.call_axes import CallAxes
    from opbench.harness.cli.filter import Filter
    from opbench.harness.cli.output import Output
    from opbench.results.choosing.candidates import Conditions
    from opbench.results.choosing.choice import Choice, Terms
    from opbench.results.choosing.gather import Races
    from opbench.results.choosing.served import Served
    from opbench.results.records import Case, Environment
    from opbench.results.records.run_folder import RunFolder

HELP = "say which contender to run for which sizes, from the races of runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "words",
        nargs="*",
        default=[],
        metavar="OP|RUN",
        help="ops (default: all), and the "
        "folders of runs of one machine (default: the latest in runs/)",
    )
    text = "only these cases"
    parser.add_argument("-k", dest="expression", default="", metavar="EXPR", help=text)
    for option, text in (
        ("--dtype", "dtypes"),
        ("--pass", "passes"),
        ("--inputs", "input kinds"),
        ("--board", "output modes"),
    ):
        parser.add_argument(
            option,
            dest=f"only_{option[2:]}",
            action=Join,
            default="",
            metavar="NAMES",
            help=f"only these {text}, by commas",
        )
    _add_conditions(parser)
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="AXES",
        help="answer for this shape, B=4,S=2048,D=768,P=500, in a sentence; may be repeated",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help='how often shapes are served: lines of {"op": …, "axes": {…}, "count": n}',
    )
    parser.add_argument(
        "-o",
        dest="table",
        type=Path,
        metavar="FILE",
        help="write the choices for one op as a table for opbench.dispatch",
    )
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module or a .py file with more ops or contenders; may be repeated",
    )
    arguments.add_json(parser)


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    """Add what a contender has to fulfil, and which goes first."""
    add = parser.add_argument_group("who may be chosen").add_argument
    add(
        "--accept",
        action=Join,
        default="",
        metavar="KINDS",
        help="input kinds on which a contender may be wrong as it admits: nonfinite, …",
    )
    add("--max-memory", type=size, metavar="SIZE", help="the most that a call may hold: 512M")
    add("--no-compiler", action="store_true", help="none that needs a compiler")
    add(
        "--prefer",
        action=Join,
        default="",
        metavar="NAMES",
        help="who runs where it loses nothing that was shown: the incumbent, say",
    )
    add(
        "--baseline",
        default="torch",
        metavar="NAME",
        help="what to compare with beside the best single contender (default: torch)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is to be chosen, and from what."""

    runs: tuple[RunFolder, ...]
    selector: Filter
    #: By field of a case, the values that count; all where there is none.
    only: tuple[tuple[str, tuple[str, ...]], ...]
    conditions: Conditions
    preferred: tuple[str, ...]
    baseline: str
    shapes: tuple[str, ...]
    served: tuple[Served, ...]
    #: The file to write; None for none.
    table: Path | None
    modules: tuple[str, ...]
    output: Output

    def has(self, case: Case) -> bool:
        """Whether a case counts."""
        return self.selector.has_case(case) and all(
            not names or getattr(case, field) in names for field, names in self.only
        )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The choices for the situations of an op."""

    op: str
    choices: tuple[Choice, ...]
    #: None where the op isn't declared here.
    axes: CallAxes | None


def run(args: argparse.Namespace) -> Exit:
    """Choose from the runs, print it, and write the table that was asked for."""
    from opbench.results.choosing.gather import gather

    request = _request(args)
    races, environment = gather(request.runs, request.has)
    catalog = load_catalog(request.modules)
    chosen = [_chosen(request, catalog, op, races) for op in _ops(races)]
    if request.output.json:
        print_json(_document(chosen))
    elif request.shapes:
        for item in chosen:
            _answer(item, request.shapes, catalog)
    else:
        for item in chosen:
            _draw(item)
    if request.table is not None:
        _write(request, catalog, chosen, environment)
    return Exit.OK


def _request(args: argparse.Namespace) -> _Request:
    """What the arguments ask for. Raises SelectionError for what doesn't go together."""
    from opbench.harness.cli.filter import Filter
    from opbench.results.choosing.candidates import Conditions
    from opbench.results.choosing.served import read_served

    words = [(word, (Path(word) / "run.json").exists()) for word in args.words]
    runs = tuple(recorded(word) for word, is_run in words if is_run) or (recorded(None),)
    selector = Filter(tuple(word for word, is_run in words if not is_run), args.expression)
    selector.ensure_recorded(*runs, by_contender=False)
    only = (
        ("dtype", args.only_dtype),
        ("direction", args.only_pass),
        ("inputs", args.only_inputs),
        ("board", args.only_board),
    )
    return _Request(
        runs=runs,
        selector=selector,
        only=tuple((field, _split(text)) for field, text in only),
        conditions=Conditions(
            accepted=frozenset(_split(args.accept)),
            max_memory=args.max_memory,
            compiler=not args.no_compiler,
        ),
        preferred=_split(args.prefer),
        baseline=args.baseline,
        shapes=tuple(dict.fromkeys(args.shape)),
        served=read_served(args.weights) if args.weights else (),
        table=args.table,
        modules=options.modules(args),
        output=options.output(args),
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _ops(races: Iterable[Races]) -> tuple[str, ...]:
    """The ops of the races, in their order."""
    return tuple(dict.fromkeys(item.situation.op for item in races))


def _chosen(request: _Request, catalog: Catalog, op: str, races: Iterable[Races]) -> _Chosen:
    """The choices for an op; what can't be chosen for is told, unless nothing can."""
    from opbench.harness.choosing.call_axes import call_axes
    from opbench.results.choosing.gather import choose_for

    own = [item for item in races if item.situation.op == op]
    axes = call_axes(catalog.op(op), own[0].situation.inputs) if op in catalog.ops else None
    choices, refused = [], []
    for item in own:
        conditions, terms = _terms(request, catalog, item, axes)
        try:
            choices.append(choose_for(item, conditions, terms))
        except NothingRecordedError as error:
            refused.append(str(error))
    for text in refused if choices else ():
        complain("choose", text)
    if not choices:
        raise NothingRecordedError("; ".join(refused))
    return _Chosen(op, tuple(choices), axes)


def _terms(
    request: _Request, catalog: Catalog, races: Races, axes: CallAxes | None
) -> tuple[Conditions, Terms]:
    """By what to choose for a situation; without the op's declaration, by its records alone."""
    from opbench.harness.choosing.provenance import barred, runs_on_all_calls
    from opbench.results.choosing.choice import Terms
    from opbench.results.choosing.served import weights_of

    name, rows = races.situation.op, tuple(races.rows.values())
    terms = Terms(
        axes=tuple(axis for axis in rows[0].axes if axes is None or axis in axes.reads),
        preferred=request.preferred,
        weights=weights_of(rows, name, request.served),
        baseline=request.baseline,
    )
    if axes is None:
        return request.conditions, terms
    op, impls = catalog.op(name), catalog.impls[name]
    reliable = frozenset(n for n, contender in impls.items() if runs_on_all_calls(contender))
    reasons = barred(op, impls, races.records)
    return replace(request.conditions, barred=reasons), replace(terms, reliable=reliable)


def _draw(item: _Chosen) -> None:
    """Print the choices for an op."""
    from opbench.results.choosing.text import notes, regions_table, regret_table

    for choice in item.choices:
        draw([regions_table(choice)])
        draw_rows(regret_table(choice), ColumnChoice())
        for note in notes(choice):
            say(note, indent="  ")
        say("")
    if item.axes is not None and item.axes.hidden:
        say(f"{item.op}: {', '.join(item.axes.hidden)} can't be told at a call")


def _answer(item: _Chosen, shapes: Sequence[str], catalog: Catalog) -> None:
    """Print a sentence for each shape and situation."""
    from opbench.results.choosing.text import shape_text

    for choice in item.choices:
        label = f"{item.op} {choice.situation.label}"
        for words in shapes:
            axes = _axes_of(words, item.op, choice, catalog)
            say(f"{label}: {shape_text(choice, axes, words)}", indent="  ")


def _axes_of(words: str, op: str, choice: Choice, catalog: Catalog) -> dict[str, float]:
    """The sizes of a shape that was asked for. Raises SelectionError where some are missing."""
    from opbench.harness.planning.given_shapes import given_shapes
    from opbench.harness.planning.selection import Selection
    from opbench.results.choosing.situations import is_size

    if op not in catalog.ops:
        raise SelectionError(f"--shape: {op} isn't declared here: give --load with its module")
    (shape,) = given_shapes(catalog.op(op), Selection(shapes=(words,))).values()
    return {a: float(v) for a, v in shape.items() if a in choice.bounds and is_size(v)}


def _document(chosen: Iterable[_Chosen]) -> list[dict[str, Any]]:
    """The choices as JSON: as a table has them, for each op."""
    from opbench.results.choosing.table import section

    return [
        {
            "op": item.op,
            "axes": dict(item.axes.reads) if item.axes else {},
            "sections": [section(choice) for choice in item.choices],
        }
        for item in chosen
    ]


def _write(
    request: _Request, catalog: Catalog, chosen: Sequence[_Chosen], environment: Environment
) -> None:
    """Write the table of one op. Raises SelectionError where there are several."""
    from opbench.harness.choosing.provenance import provenance
    from opbench.results.choosing.table import table_text

    assert request.table is not None
    if len(chosen) > 1:
        names = ", ".join(item.op for item in chosen)
        raise SelectionError(f"-o writes the table of one op: say which of {names}")
    (item,) = chosen
    if item.axes is None:
        raise SelectionError(f"-o: {item.op} isn't declared here: give --load with its module")
    origin = provenance(
        catalog.op(item.op),
        catalog.impls[item.op],
        item.choices,
        item.axes,
        environment,
        [folder.info.id for folder in request.runs],
    )
    request.table.write_text(table_text(item.choices, origin), encoding="utf-8")
    if not request.output.json:
        print(f'wrote {request.table}   use: opbench.dispatch("{item.op}", "{request.table}")')
