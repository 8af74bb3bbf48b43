"""The material of the pages: the boards of a run by op, with labels and samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opbench.dashboards.labels import labels, series_labels
from opbench.results.ranking.leaderboard import Board, Row, boards
from opbench.results.records import Case, Ceilings, Measured, Record, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class OpView:
    """The cases of one op.

    All pages are drawn from it, so that a case has one name on all of them.
    """

    op: str
    boards: tuple[Board, ...]
    #: A short name for each case.
    labels: Mapping[Case, str]
    #: The name of the line that each case is a point of.
    series: Mapping[Case, str]
    #: The samples, by case and contender.
    measured: Mapping[tuple[Case, str], Measured]

    @property
    def contenders(self) -> tuple[str, ...]:
        """Every contender, the one that is most often near the best first.

        By the mean of their places; a contender that was not measured counts as last.
        """
        places: dict[str, list[int]] = {}
        for board in self.boards:
            for place, row in enumerate(board.rows):
                behind = 0 if row.time_s is not None else len(board.rows)
                places.setdefault(row.contender, []).append(place + behind)
        return tuple(sorted(places, key=lambda name: (sum(places[name]) / len(places[name]), name)))

    def timed(self) -> Iterator[tuple[Case, Row, Measured]]:
        """The contenders that were measured, board by board."""
        for board in self.boards:
            for row in board.measured:
                yield board.case, row, self.measured[board.case, row.contender]


def views(
    records: Iterable[Record], *, rules: Rules | None = None, ceilings: Sequence[Ceilings] = ()
) -> tuple[OpView, ...]:
    """One view per op, by name; as `boards`.

    records: without those of anchors. rules, ceilings: as of `boards`.
    """
    records = tuple(records)
    by_op: dict[str, list[Board]] = {}
    for board in boards(records, rules=rules, ceilings=ceilings):
        by_op.setdefault(board.case.op, []).append(board)
    measured = {
        (r.case, r.contender): r.outcome for r in records if isinstance(r.outcome, Measured)
    }
    return tuple(_view(op, tuple(group), measured) for op, group in sorted(by_op.items()))


def _view(
    op: str, group: tuple[Board, ...], measured: Mapping[tuple[Case, str], Measured]
) -> OpView:
    """The view of one op; measured: of all ops."""
    cases = [board.case for board in group]
    own = {key: outcome for key, outcome in measured.items() if key[0].op == op}
    return OpView(
        op=op, boards=group, labels=labels(cases), series=series_labels(cases), measured=own
    )
