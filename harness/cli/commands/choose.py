"""`opbench choose`: from recorded races to the contender that is to run, and what that may cost."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opbench.harness.cli import choosing, options
from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.drawing import ColumnChoice, draw, draw_rows, say
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.output import complain, print_json
from opbench.results.errors import NothingRecordedError, SelectionError

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.choosing.call_axes import CallAxes
    from opbench.harness.cli.choosing import ChoiceRequest
    from opbench.results.choosing.choice import Choice
    from opbench.results.choosing.company import Company
    from opbench.results.choosing.gather import Races
    from opbench.results.records import Environment

HELP = "say which contender to run for which sizes, from the races of runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    choosing.add_arguments(parser)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choices for the situations of an op."""

    op: str
    choices: tuple[Choice, ...]
    #: None where the op isn't declared here.
    axes: CallAxes | None
    #: For each choice, what is to be said of its shapes; nothing where the op isn't a chain.
    companies: tuple[tuple[Company, ...], ...]


def run(args: argparse.Namespace) -> Exit:
    """Choose from the runs, print it, and write the table that was asked for."""
    catalog = load_catalog(options.modules(args))
    request = choosing.request_of(args, catalog.suites)
    chosen, environment = choose(request, catalog)
    if request.output.json:
        print_json(document(chosen))
    elif request.shapes or request.recorded:
        for item in chosen:
            _answer(item, request.shapes_of(item.op), catalog)
    else:
        for item in chosen:
            draw_choices(item)
    if request.table is not None:
        write_table(request, catalog, chosen, environment)
    return Exit.OK


def choose(request: ChoiceRequest, catalog: Catalog) -> tuple[tuple[Chosen, ...], Environment]:
    """The choices for each op of some runs, and the environment that these were made in."""
    from opbench.results.choosing.gather import gather

    races, environment = gather(request.runs, request.has)
    _ensure_known(request, catalog, races)
    return tuple(_chosen(request, catalog, op, races) for op in _ops(races)), environment


def _ensure_known(request: ChoiceRequest, catalog: Catalog, races: Iterable[Races]) -> None:
    """Raise SelectionError, with near names, for contenders and input kinds that nothing has."""
    from opbench.harness.declare import LAYOUTS
    from opbench.harness.planning.selection import ensure_known

    records = [record for item in races for record in item.records]
    kinds = {kind for record in records for kind, _ in record.caveats} | set(LAYOUTS)
    for op in {record.case.op for record in records} & set(catalog.ops):
        kinds |= set(catalog.op(op).inputs)
    ensure_known(tuple(sorted(request.conditions.accepted)), kinds, "input kind")
    ensure_known(request.preferred, {record.contender for record in records}, "contender")


def _ops(races: Iterable[Races]) -> tuple[str, ...]:
    """The ops of the races, in their order."""
    return tuple(dict.fromkeys(item.situation.op for item in races))


def _chosen(request: ChoiceRequest, catalog: Catalog, op: str, races: Iterable[Races]) -> Chosen:
    """The choices for an op; what can't be chosen for is printed, unless nothing can."""
    from opbench.harness.choosing.call_axes import call_axes
    from opbench.harness.choosing.chains import companies
    from opbench.harness.choosing.terms import terms_for
    from opbench.results.choosing.gather import choose_for

    own = [item for item in races if item.situation.op == op]
    axes = call_axes(catalog.op(op), own[0].situation.inputs) if op in catalog.ops else None
    choices, refused = [], []
    for item in own:
        conditions, terms = terms_for(item, request.wishes, catalog, axes)
        try:
            choices.append(choose_for(item, conditions, terms))
        except NothingRecordedError as error:
            refused.append(str(error))
    for text in refused if choices else ():
        complain("choose", text)
    if not choices:
        raise NothingRecordedError("; ".join(refused))
    parts = _races_of_parts(request, catalog, op)
    return Chosen(op, tuple(choices), axes, tuple(companies(catalog, c, parts) for c in choices))


def _races_of_parts(request: ChoiceRequest, catalog: Catalog, op: str) -> tuple[Races, ...]:
    """The races that the same runs hold of the parts of a chain."""
    from opbench.results.choosing.gather import gather

    parts = catalog.op(op).parts if op in catalog.ops else {}
    with contextlib.suppress(NothingRecordedError):
        return gather(request.runs, lambda case: case.op in parts)[0] if parts else ()
    return ()


def draw_choices(item: Chosen) -> None:
    """Print the choices for an op."""
    from opbench.results.choosing.text import notes, regions_table, regret_table

    for choice, shapes in zip(item.choices, item.companies, strict=True):
        draw([regions_table(choice)])
        draw_rows(regret_table(choice), ColumnChoice())
        for note in notes(choice):
            say(note, indent="  ")
        _draw_company(f"{item.op} · {choice.situation.label}", shapes)
        say("")
    if item.axes is not None and item.axes.hidden:
        say(f"{item.op}: {', '.join(item.axes.hidden)} can't be read off a call")


def _draw_company(title: str, shapes: Sequence[Company]) -> None:
    """Print who wins a chain whole, and who its parts' own races would have taken."""
    from opbench.results.choosing.company import company_notes, company_table

    if shapes:
        say("")
        draw([company_table(title, shapes)])
    for note in company_notes(shapes):
        say(note, indent="  ")


def _answer(item: Chosen, shapes: Sequence[str], catalog: Catalog) -> None:
    """Print a sentence for each shape and situation.

    Raises NothingRecordedError for a shape that no situation is of.
    """
    from opbench.results.choosing.text import shape_text

    for shape in shapes:
        found = {choice: _axes_of(shape, item.op, choice, catalog) for choice in item.choices}
        for choice, axes in found.items():
            if axes is not None:
                text = shape_text(choice, axes, shape)
                say(f"{item.op} {choice.situation.label}: {text}", indent="  ")
        if all(axes is None for axes in found.values()):
            raise NothingRecordedError(f"--shape {shape}: nothing like it was raced")


def _axes_of(text: str, op: str, choice: Choice, catalog: Catalog) -> dict[str, float] | None:
    """The sizes of a shape that was asked for; None where it is of another situation.

    Raises SelectionError where some are missing.
    """
    from opbench.harness.planning.given_shapes import given_shapes
    from opbench.harness.planning.selection import Selection
    from opbench.results.choosing.situations import is_size

    if op not in catalog.ops:
        raise SelectionError(f"--shape: {op} isn't declared here: give --load with its module")
    (shape,) = given_shapes(catalog.op(op), Selection(shapes=(text,))).values()
    if any(shape[axis] != value for axis, value in choice.situation.fixed):
        return None
    return {a: float(v) for a, v in shape.items() if a in choice.bounds and is_size(v)}


def document(chosen: Iterable[Chosen]) -> list[dict[str, Any]]:
    """The choices as JSON: as a table has them, for each op."""
    from opbench.results.choosing.company import company_document
    from opbench.results.choosing.table import section

    return [
        {
            "op": item.op,
            "axes": dict(item.axes.reads) if item.axes else {},
            "sections": [section(choice) for choice in item.choices],
            "chain": [[company_document(c) for c in shapes] for shapes in item.companies],
        }
        for item in chosen
    ]


def write_table(
    request: ChoiceRequest, catalog: Catalog, chosen: Sequence[Chosen], environment: Environment
) -> None:
    """Write the table of one op. Raises SelectionError where there are several.

    Raises RunFolderError where the file can't be written, or is of a run.
    """
    from opbench.harness.choosing.provenance import provenance
    from opbench.results.choosing.table import table_text
    from opbench.results.records.output_paths import output_file

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
    text = table_text(item.choices, origin)
    use = f'opbench.dispatch("{item.op}", "{request.table}")'
    if request.emits:
        text, use = _module(text, catalog, item.op), f"from {request.table.stem} import {item.op}"
    with output_file(request.table):
        request.table.write_text(text, encoding="utf-8")
    if not request.output.json:
        print(f"wrote {request.table}   use: {use}")


def _module(text: str, catalog: Catalog, op: str) -> str:
    """A table as a Python module.

    Raises UnsupportedError where a contender can't stand by itself, StaleTableError where one has
    changed since it was raced.
    """
    from opbench.harness.choosing.dispatch import ensure_current
    from opbench.harness.choosing.emitted import emitted
    from opbench.results.choosing.table_file import parse_table

    table, declared, impls = parse_table(text), catalog.op(op), catalog.impls[op]
    ensure_current(table, declared, impls, allow_stale=False)
    return emitted(table, declared, impls)
