"""Gather what a choice is made from: the rows of each situation, from the races of several runs.

Runs of one environment add up: a later one may race shapes that an earlier one lacks, or a new
contender beside the best alone, whose times then stand for the machine of that day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from opbench.results.choosing.candidates import Conditions, left_out
from opbench.results.choosing.choice import Choice, Terms, choose
from opbench.results.choosing.implied import completed
from opbench.results.choosing.situations import Row, Situation, merged, row_of, situation_of
from opbench.results.errors import EnvironmentsDifferError, NothingRecordedError
from opbench.results.records import Case, Environment, Record
from opbench.results.records.anchors import without_anchors
from opbench.results.records.case import AxisValue
from opbench.results.records.run_folder import RunFolder, start_time


@dataclass(slots=True)
class Races:
    """The races of one situation."""

    situation: Situation
    #: By the name of the shape and its axes.
    rows: dict[tuple[str, tuple[tuple[str, AxisValue], ...]], Row] = field(default_factory=dict)
    #: Those of older runs first.
    records: list[Record] = field(default_factory=list)


#: The name of an op and of one of its contenders.
Name = tuple[str, str]


def gather(
    runs: Sequence[RunFolder], keep: Callable[[Case], bool] = lambda case: True
) -> tuple[tuple[Races, ...], Environment]:
    """The races of some runs by situation, and the environment that all of them were made in.

    keep: which cases count. Of a shape that several runs have, the latest race counts, and of older
    ones the contenders that it lacks. Of a contender whose source changed from run to run, its
    latest source counts alone. Raises EnvironmentsDifferError where the runs were made in
    different environments, NothingRecordedError where there is no race.
    """
    runs = sorted(runs, key=lambda run: start_time(run.info))
    environment = _one_environment(runs)
    recorded = [without_anchors(run.records()) for run in runs]
    sources = {_name(record): record.fingerprint for records in recorded for record in records}
    found: dict[Situation, Races] = {}
    for records in recorded:
        for case, own in by_case(records, sources).items():
            if keep(case):
                add_race(found, case, own)
    if not any(races.rows for races in found.values()):
        where = ", ".join(str(run.path) for run in runs)
        raise NothingRecordedError(f"no race of what is selected was recorded in {where}")
    return tuple(races for races in found.values() if races.rows), environment


def _one_environment(runs: Sequence[RunFolder]) -> Environment:
    """The environment of all runs."""
    first = runs[-1].info.environment
    for run in runs:
        if run.info.environment.key != first.key:
            raise EnvironmentsDifferError(
                f"{run.path} was made in another environment than {runs[-1].path}: choose for one"
            )
    return first


def by_case(records: Iterable[Record], sources: Mapping[Name, str]) -> dict[Case, list[Record]]:
    """The records by their cases, without those of a contender's other source.

    sources: by op and contender the fingerprint that counts; those that it lacks don't count.
    """
    cases: dict[Case, list[Record]] = {}
    for record in records:
        if record.fingerprint == sources.get(_name(record)):
            cases.setdefault(record.case, []).append(record)
    return cases


def _name(record: Record) -> Name:
    """The op and the contender of a record."""
    return record.case.op, record.contender


def add_race(found: dict[Situation, Races], case: Case, records: Iterable[Record]) -> None:
    """Add a race to what was found in earlier ones."""
    situation, records = situation_of(case), tuple(records)
    races = found.setdefault(situation, Races(situation))
    races.records += records
    row = row_of(case, records)
    if row is not None:
        key = (case.shape, case.axes)
        older = races.rows.get(key)
        races.rows[key] = merged(row, older) if older else row


def choose_for(races: Races, conditions: Conditions, terms: Terms) -> Choice:
    """The choice for a situation.

    Raises NothingRecordedError, with the reasons, where every contender is left out.
    """
    rows = completed_rows(races, terms.axes)
    return choose(races.situation, rows, ensure_choice(races, rows, conditions), terms)


def completed_rows(races: Races, axes: Sequence[str]) -> tuple[Row, ...]:
    """The rows of a situation, with what they imply of contenders that weren't raced on all.

    axes: that a call shows.
    """
    rows = tuple(races.rows.values())
    return completed(rows, [axis for axis in axes if len({row.axes[axis] for row in rows}) > 1])


def ensure_choice(races: Races, rows: Sequence[Row], conditions: Conditions) -> dict[str, str]:
    """By contender that is left out of a situation, the reason. rows: as `completed_rows`.

    Raises NothingRecordedError, with the reasons, where every contender is left out.
    """
    out = left_out(rows, races.records, conditions)
    if not {name for row in rows for name in row.times} - set(out):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in out.items())
        label = f"{races.situation.op} {races.situation.label}"
        raise NothingRecordedError(f"{label}: no contender may be chosen ({reasons})")
    return out
