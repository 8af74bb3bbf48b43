"""The leaderboards of a growing run: a case is ranked again only when it has changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from opbench.results.ranking.leaderboard import Board, board
from opbench.results.records import Case, Ceilings, Record, Rules
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A board, and what it was made of."""

    records: tuple[Record, ...]
    rules: Rules
    ceilings: tuple[Ceilings, ...]
    board: Board

    def is_of(
        self, records: Sequence[Record], rules: Rules, ceilings: tuple[Ceilings, ...]
    ) -> bool:
        """Whether it was made of these very records, and by these rules and ceilings."""
        # Records are large: the same ones are kept from one reading to the next.
        same = len(records) == len(self.records) and all(map(_is, records, self.records))
        return same and (rules, ceilings) == (self.rules, self.ceilings)


@dataclass(slots=True)
class BoardCache:
    """The boards of one run, as they were ranked last."""

    _ranked: dict[Case, _Ranked] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def boards_of(self, run: RunFolder) -> tuple[Board, ...]:
        """The boards of the run, in the order in which its cases first appear; of no anchors."""
        rules, ceilings = run.info.rules, run.ceilings()
        cases: dict[Case, list[Record]] = {}
        for record in without_anchors(run.records()):
            cases.setdefault(record.case, []).append(record)
        with self._lock:
            self._ranked = {
                case: self._rank(case, records, rules, ceilings) for case, records in cases.items()
            }
            return tuple(ranked.board for ranked in self._ranked.values())

    def _rank(
        self, case: Case, records: Sequence[Record], rules: Rules, ceilings: tuple[Ceilings, ...]
    ) -> _Ranked:
        """A case as it was ranked before, or anew."""
        known = self._ranked.get(case)
        if known is not None and known.is_of(records, rules, ceilings):
            return known
        made = board(case, records, rules=rules, ceilings=ceilings)
        return _Ranked(tuple(records), rules, ceilings, made)


def _is(one: object, other: object) -> bool:
    """Whether two are one object."""
    return one is other
