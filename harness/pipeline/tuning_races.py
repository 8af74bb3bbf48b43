"""The races of a tune: what was recorded of each situation, and who enters the next one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from opbench.harness.pipeline.tuning_state import TuningRequest, logs_of, start_size, varying
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Race
from opbench.harness.planning.shape_ranges import Candidate, shape_text
from opbench.harness.preparation.resolve import fingerprint
from opbench.harness.preparation.taken_shapes import ensure_taken
from opbench.results.choosing.entrants import eligible, futile
from opbench.results.choosing.gather import (
    Races,
    add_race,
    by_case,
    ensure_choice,
)
from opbench.results.choosing.implied import least_shapes, places_to_race
from opbench.results.choosing.situations import Row, Situation, situation_of
from opbench.results.choosing.uncertain import spanning
from opbench.results.records import Case, Record
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import start_time


@dataclass(slots=True)
class TuningRaces:
    """The races of a tune, those of earlier runs among them."""

    request: TuningRequest
    found: dict[Situation, Races] = field(default_factory=dict)
    #: The cases that the tune's own run has.
    own: set[Case] = field(default_factory=set)
    #: By shape that the op refuses, the reason.
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The shapes that may be raced, without those that the op refuses."""
        return tuple(c for c in self.request.candidates if c.text not in self.refused)

    def expect(self) -> None:
        """Find the situations: those of one candidate for each value of axes that are no sizes."""
        for candidate in {c.fixed: c for c in reversed(self.request.candidates)}.values():
            for race in self._plan(candidate.text):
                situation = situation_of(race.case)
                self.found.setdefault(situation, Races(situation))

    def read(self) -> dict[Case, set[str]]:
        """Take what runs have of these situations; return the own cases that were broken off.

        They have the contenders that had begun.
        """
        request, folder = self.request, self.request.folder
        broken: dict[Case, set[str]] = {}
        for line in folder.unfinished():
            if line.case.op == request.op.name:
                broken.setdefault(line.case, set()).add(line.contender)
        for run in sorted(request.earlier, key=lambda run: start_time(run.info)):
            self.take(without_anchors(run.records()))
        records = [r for r in without_anchors(folder.records()) if r.case not in broken]
        self.take(records)
        self.own = {record.case for record in records}
        return broken

    def take(self, records: Iterable[Record]) -> None:
        """Add records, unless they are of other situations or of another source."""
        for case, own in by_case(records, self._sources()).items():
            if situation_of(case) in self.found:
                add_race(self.found, case, own)

    def has(self, case: Case) -> bool:
        """Whether a shape was raced in the situation of a case."""
        races = self.found.get(situation_of(case))
        return races is not None and (case.shape, case.axes) in races.rows

    def planned(self, shape: str) -> tuple[Race, ...]:
        """The races of a shape. Raises SelectionError where the op refuses it."""
        races = self._plan(shape)
        ensure_taken(self.request.catalog.ops, (race.case for race in races))
        return races

    def ensure_some_enter(self, races: Iterable[Race]) -> None:
        """Raise NothingRecordedError, with the reasons, where nothing may enter some races."""
        for race in races:
            if not self.entering(race):
                found = self.found[situation_of(race.case)]
                rows = tuple(found.rows.values())
                ensure_choice(found, rows, self.request.wishes.conditions)

    def entering(
        self, race: Race, *, slower: Collection[str] = (), tries_futile: bool = False
    ) -> tuple[str, ...]:
        """The contenders that enter a race: that may be chosen, and aren't futile.

        slower: those that surely are, on this shape. tries_futile: whether both enter all the same.
        """
        request, races = self.request, self.found[situation_of(race.case)]
        if request.all_contenders:
            return race.contenders
        names = eligible(
            races,
            race.contenders,
            request.wishes.conditions,
            takes_new=bool(request.earlier) or not races.records,
        )
        if tries_futile:
            return names
        out = {*self.futile(races, names), *slower} - {request.wishes.baseline}
        return tuple(name for name in names if name not in out)

    def futile(self, races: Races, names: Iterable[str]) -> dict[str, float]:
        """Futile contenders, and how slow they are at least; what one compares with never is."""
        rows = tuple(races.rows.values())
        axes, own = self._axes(races.situation)
        others = [name for name in names if name != self.request.wishes.baseline]
        return futile(rows, others, start_size(axes, own)) if rows else {}

    def missing(self) -> Iterator[tuple[str, Race]]:
        """Shapes that were raced, with a race of those that have to be raced there as well.

        Beside the best alone; but beside all others where the shape is of this run, whose record of
        it is replaced. What becomes of one race may say that the others needn't be.
        """
        for races in self.found.values():
            rows, keys = tuple(races.rows.values()), tuple(races.rows)
            lacking = self._lacking(races, rows)
            for place in dict.fromkeys(place for places in lacking.values() for place in places):
                names = [name for name, places in lacking.items() if place in places]
                shape = shape_text(keys[place][1])
                for race in self._plan(shape) if shape not in self.refused else ():
                    if situation_of(race.case) == races.situation:
                        entering = self._joined(race, rows[place], names)
                        if entering:
                            yield shape, race.only(entering)

    def _lacking(self, races: Races, rows: Sequence[Row]) -> dict[str, list[int]]:
        """By contender, the places of rows where it has to be raced.

        First come those that span the range, and then those where not knowing costs most.
        """
        axes, _ = self._axes(races.situation)
        logs, found = logs_of((row.axes for row in rows), axes), {}
        for name in self.request.catalog.impls[self.request.op.name]:
            timed = [place for place, row in enumerate(rows) if name in row.times]
            if len(timed) >= least_shapes(axes) and not self.request.all_contenders:
                found[name] = places_to_race(rows, axes, name)
            elif left := [place for place in range(len(rows)) if place not in timed]:
                order = spanning(logs[left], logs[timed], len(left))
                found[name] = [left[place] for place in order]
        return found

    def _joined(self, race: Race, row: Row, names: Collection[str]) -> tuple[str, ...]:
        """Those names that enter, behind what they are raced beside; none where none enters."""
        races, entering = self.found[situation_of(race.case)], self.entering(race)
        known = {r.contender for r in races.records if r.case == race.case}
        new = [name for name in names if name in entering and name not in known]
        timed = [name for name in row.times if name in race.contenders]
        if timed and race.case not in self.own:
            timed = [min(timed, key=lambda name: row.times[name].time_s)]
        return (*timed, *new) if new else ()

    def _axes(self, situation: Situation) -> tuple[tuple[str, ...], list[Candidate]]:
        """The axes that vary in a situation, and its candidates."""
        own = [c for c in self.candidates if dict(c.fixed) == dict(situation.fixed)]
        return varying(self.request, (candidate.axes for candidate in own)), own

    def _plan(self, shape: str) -> tuple[Race, ...]:
        """The races of a shape."""
        selection, name = self.request.selection, self.request.op.name
        chosen = replace(selection, names=(name,), shapes=(shape,), sweeps=(), grid="quick")
        return plan(self.request.catalog, chosen)

    def _sources(self) -> dict[tuple[str, str], str]:
        """The fingerprints of the op's contenders as they are now."""
        op, catalog = self.request.op.name, self.request.catalog
        return {(op, name): fingerprint(item) for name, item in catalog.impls[op].items()}
