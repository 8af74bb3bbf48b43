"""Store the cases of a run as they are finished, where other machines do the others.

A store that fails for a while loses nothing: what it didn't take stays in the run folder, and is
offered again with the next case and at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import Observer
from opbench.harness.planning.selection import Race
from opbench.results.errors import RunFolderError
from opbench.results.records import Case, Record
from opbench.results.records.anchors import is_anchor
from opbench.results.records.run_folder import RunFolder
from opbench.results.store.attempts import Part, StoredRun, digest_of
from opbench.results.store.collecting import done_by

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Upload:
    """The cases of a run folder on their way into a store."""

    stored: StoredRun
    #: The run as this process makes it.
    folder: RunFolder
    #: That this process is to do.
    races: tuple[Race, ...]
    #: The digests of what the store has, of whichever process.
    _there: set[str] = field(default_factory=set)

    def begin(self, part: Part) -> int:
        """Take over what the store has of the races; return of how many cases.

        Raises RunFolderError where the store can't be read and written, or has a run with other
        options.
        """
        info, here = self.folder.info, {record.case for record in self.folder.records()}
        self.stored.begin(info.environment.key, part)
        own = {digest_of(race.case): race.case for race in self.races}
        survey = self.stored.survey()
        done = done_by(self.stored, survey, info, own.keys())
        taken = [case for case in done if own[case] not in here]
        self.folder.append(*(line for case in taken for line in done[case]))
        there = {attempt.case for attempt in survey.complete if attempt.key == info.environment.key}
        self._there.update(done, there - own.keys())
        return len(taken)

    def leave_out(self, *cases: str) -> None:
        """Don't store some cases, by their digests: others have, or will."""
        self._there.update(cases)

    def take_in(self, *cases: str) -> None:
        """Store some cases after all, by their digests."""
        self._there.difference_update(cases)

    def offer(self) -> None:
        """Store every finished case that isn't there; a warning says what the store refuses."""
        try:
            self.store()
        except RunFolderError as error:
            _LOG.warning("%s; it is tried again with the next case", error)

    def store(self) -> None:
        """Store every finished case that isn't there. Raises RunFolderError where that fails."""
        info, records = self.folder.info, self.folder.records()
        for case in self._finished(records):
            if digest_of(case) not in self._there:
                self._put(case, [record for record in records if record.case == case])
        ceilings = self.folder.ceilings()
        if ceilings and digest_of(None) not in self._there:
            self.stored.put(info, None, ceilings)
            self._there.add(digest_of(None))

    def finish(self, part: Part) -> None:
        """Store the rest, and say that this part has done its share.

        Raises RunFolderError where the store doesn't take it, which says where everything is.
        """
        try:
            self.store()
            self.stored.finish(self.folder.info.environment.key, part)
        except RunFolderError as error:
            raise RunFolderError(
                f"{error}; what was measured is in {self.folder.path}: "
                f"`opbench run --resume {self.folder.path}` stores it"
            ) from error

    def _put(self, case: Case, records: Iterable[Record]) -> None:
        """Store a case."""
        self.stored.put(self.folder.info, case, records)
        self._there.add(digest_of(case))

    def _finished(self, records: Collection[Record]) -> list[Case]:
        """The cases of which every contender has a record, those of anchors included."""
        done = {(record.case, record.contender) for record in records}
        anchors = dict.fromkeys(record.case for record in records if is_anchor(record))
        raced = [
            race.case
            for race in self.races
            if all((race.case, name) in done for name in race.contenders)
        ]
        return [*anchors, *raced]


@dataclass(frozen=True, slots=True)
class StoringObserver:
    """Stores each case when it ends, and passes every notification on."""

    upload: Upload
    #: Draws the progress.
    observer: Observer

    def begin_case(self, race: Race) -> None:
        """Pass on that work on a case begins."""
        self.observer.begin_case(race)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a contender begins a stage."""
        self.observer.begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Pass on what became of a contender."""
        self.observer.done(name, result, output)

    def end_case(self, race: Race) -> None:
        """Store the case."""
        self.observer.end_case(race)
        self.upload.offer()
