"""The matrix of several runs: who wins each case on each kind of machine, and where kinds disagree.

Times are ranked within one kind only: what is put side by side is verdicts and ratios.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from opbench.results.ranking.leaderboard import Board, Row, RowVerdict, boards
from opbench.results.records import Case
from opbench.results.records.anchors import without_anchors
from opbench.results.records.machine import Machine
from opbench.results.records.run_folder import RunFolder, start_time

#: Whether the kinds that timed a case have a winner in common; "alone" where it is one kind.
Agreement = Literal["agree", "disagree", "undecided", "alone", "none"]
#: The verdicts of those that may be the best, and of those that are as good as the best.
_POSSIBLE = ("best", "tied", "undecided")
_AS_GOOD = ("best", "tied")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of machine: all runs of one environment, on one device with as many threads."""

    machine: Machine
    #: The facts of the environment, by name.
    facts: tuple[tuple[str, str], ...]
    #: The runs that it comes from, by their ids; the earliest first.
    runs: tuple[str, ...]
    #: As the options of the runs call it; "" where they do not.
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A contender on a case and a kind."""

    contender: str
    #: "absent" where the kind has no outcome of it.
    verdict: RowVerdict | Literal["absent"]
    #: The median of its samples; None where it was not timed.
    time_s: float | None = None
    #: Its time over that of the kind's best; None where it was not timed.
    ratio: float | None = None
    #: Why it was not timed; "" where it was.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standings:
    """A case on a kind."""

    #: All contenders that any kind has of the case, in the order of their first appearance.
    cells: tuple[Cell, ...]

    @property
    def as_good(self) -> tuple[str, ...]:
        """The best, and those tied with it; empty where none was timed."""
        timed = [cell for cell in self.cells if cell.verdict in _AS_GOOD]
        return tuple(c.contender for c in sorted(timed, key=lambda cell: cell.verdict != "best"))

    @property
    def possible(self) -> frozenset[str]:
        """The best, those tied with it, and those of which that isn't decided."""
        return frozenset(cell.contender for cell in self.cells if cell.verdict in _POSSIBLE)

    @property
    def next_cell(self) -> Cell | None:
        """The first that is shown to be slower; None where there is none."""
        slower = [c for c in self.cells if c.verdict == "slower" and c.ratio is not None]
        return min(slower, key=lambda cell: cell.ratio or 0.0, default=None)


@dataclass(frozen=True, slots=True)
class CaseAcross:
    """A case on all kinds."""

    #: Without its device and threads, which are the kinds'.
    case: Case
    #: In the order of the matrix' kinds.
    standings: tuple[Standings, ...]
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Matrix:
    """Contenders on cases and kinds of machines."""

    kinds: tuple[Kind, ...]
    #: In the order in which runs have them.
    cases: tuple[CaseAcross, ...]


def matrix(runs: Iterable[RunFolder], keep: Callable[[Case, str], bool]) -> Matrix:
    """The matrix of some runs; where two have a case of one kind, the later counts.

        matrix([open_run("runs/here"), open_run("runs/there")], lambda case, contender: True)

    keep: whether a contender on a case is in it.
    """
    ordered = sorted(runs, key=lambda run: start_time(run.info))
    found: dict[Machine, dict[Case, Board]] = {}
    begun: dict[Machine, set[tuple[Case, str]]] = {}
    for run in ordered:
        records = [r for r in without_anchors(run.records()) if keep(r.case, r.contender)]
        for board in boards(records, rules=run.info.rules):
            machine = _machine(run, board.case)
            found.setdefault(machine, {})[_shared(board.case)] = board
        for job in run.unfinished():
            jobs = begun.setdefault(_machine(run, job.case), set())
            jobs.add((_shared(job.case), job.contender))
    kinds = tuple(_kind(machine, ordered) for machine in found)
    cases = dict.fromkeys(case for boards_of_kind in found.values() for case in boards_of_kind)
    return Matrix(
        kinds,
        tuple(
            _across(case, [(found[k.machine].get(case), begun.get(k.machine, ())) for k in kinds])
            for case in cases
        ),
    )


def _machine(run: RunFolder, case: Case) -> Machine:
    """The machine of a case, which is the kind that it belongs to."""
    return Machine(run.info.environment.key, case.device, case.threads)


def _shared(case: Case) -> Case:
    """A case without what the kinds differ in."""
    return replace(case, device="", threads=0)


def _kind(machine: Machine, runs: Sequence[RunFolder]) -> Kind:
    """The kind of a machine, from the runs that were made on it."""
    heads = [r.info for r in runs if r.info.environment.key == machine.environment_key]
    labels = [dict(info.settings).get("kind", "").strip('"') for info in heads]
    facts = heads[-1].environment.stable
    label = next(filter(None, reversed(labels)), "")
    return Kind(machine, facts, tuple(info.id for info in heads), label)


def _across(
    case: Case, by_kind: Sequence[tuple[Board | None, Iterable[tuple[Case, str]]]]
) -> CaseAcross:
    """A case on all kinds, from their boards and the jobs that they began and didn't finish."""
    names = dict.fromkeys(row.contender for board, _ in by_kind if board for row in board.rows)
    standings = tuple(
        Standings(_cells(names, board, {name for of, name in begun if of == case}))
        for board, begun in by_kind
    )
    return CaseAcross(case, standings, agreement(standings))


def _cells(names: Iterable[str], board: Board | None, begun: set[str]) -> tuple[Cell, ...]:
    """The cells of a case on a kind. begun: the contenders that were begun, and not finished."""
    rows = {row.contender: row for row in board.rows} if board else {}
    return tuple(_cell(name, rows, begun) for name in names)


def _cell(name: str, rows: Mapping[str, Row], begun: set[str]) -> Cell:
    """The cell of a contender, with the reason where it was not timed."""
    row = rows.get(name)
    if row is None:
        where = "another selection" if rows else "this case wasn't run on this kind"
        reason = "begun, and not finished" if name in begun else where
        return Cell(contender=name, verdict="absent", reason=reason)
    ratio = row.ratio.value if row.ratio else None
    reason = "" if row.time_s is not None else row.note
    return Cell(contender=name, verdict=row.verdict, time_s=row.time_s, ratio=ratio, reason=reason)


def agreement(standings: Iterable[Standings]) -> Agreement:
    """Whether some contender is as good as the best on all kinds that timed any.

    It is undecided where one may be, and a disagreement where none can be.
    """
    timed = [one for one in standings if one.as_good]
    if len(timed) < 2:
        return "alone" if timed else "none"
    if set.intersection(*(set(one.as_good) for one in timed)):
        return "agree"
    return "undecided" if frozenset.intersection(*(one.possible for one in timed)) else "disagree"
