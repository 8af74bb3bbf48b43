"""A folder of runs as a history: the time of each contender, run after run, and where it changed.

Times of different days can't be compared, as the machine isn't what it was; what they are of the
time of an anchor in the same run can: the anchor of the contender's kind, see `nearest_anchor`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opbench.results.errors import RunFolderError
from opbench.results.records import Case, Measured, Record, RunInfo
from opbench.results.records.anchors import (
    ANCHORS,
    AnchorTimes,
    anchor_times,
    nearest_anchor,
    without_anchors,
)
from opbench.results.records.codec import dumps
from opbench.results.records.run_folder import RunFolder, runs_in, start_time
from opbench.results.statistics.change_points import MIN_CHANGE, steps
from opbench.results.statistics.intervals import median

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A contender in one run.

    Points of one series are compared by `relative`, never by `time_s`: the machine isn't the same
    every day.
    """

    #: The id of the run.
    run: str
    #: Its place among the runs of the history.
    number: int
    #: When it began, in seconds since 1970.
    created: float
    #: The key of its environment.
    environment: str
    #: Hash of the contender's source.
    fingerprint: str
    #: Seconds per call: the median.
    time_s: float
    #: That over the time of the anchor; None where the run has none.
    relative: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A step in a series, from one run to another.

    Found by `opbench.results.statistics.change_points`; one of both flags may explain it.
    """

    #: The last run of the old level.
    before: Point
    #: The first run of the new level.
    after: Point
    #: As of a `Step`.
    ratio: float
    evidence: float
    #: Whether the contender's source is another one after it.
    source: bool
    #: Whether the environment is another one after it.
    environment: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A contender on a case over the runs that measured it."""

    case: Case
    contender: str
    #: The anchor that its times are relative to.
    anchor: str
    #: At least one, the oldest first.
    points: tuple[Point, ...]
    changes: tuple[Change, ...]

    @property
    def relative_times(self) -> tuple[float, ...]:
        """The times that can be compared: those of the runs that have anchors."""
        return tuple(point.relative for point in self.points if point.relative is not None)

    @property
    def ratio(self) -> float | None:
        """The latest relative time over the first; None where there aren't two."""
        times = self.relative_times
        return times[-1] / times[0] if len(times) > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The series of a folder of runs; runs are given by their ids."""

    #: In the order of their first runs.
    series: tuple[Series, ...]
    #: The runs that were read.
    runs: tuple[str, ...]
    #: Runs that were left out, as their environment isn't that of the latest.
    other_environments: tuple[str, ...] = ()
    #: Those of `runs` that have no anchors.
    without_anchors: tuple[str, ...] = ()
    #: The ops in `runs`, of those that were selected.
    ops: tuple[str, ...] = ()
    #: Runs that were left out, as they hold what another holds: the import of a run's own export.
    copies: tuple[str, ...] = ()
    #: Runs that were left out, as nothing was raced in them: gates, profiles and calibrations.
    without_races: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A point whose series has no anchor yet.

    An op's declared cost may change, and with it the anchor: a series keeps that of its first run.
    """

    point: Point
    #: The anchors of the run.
    anchors: AnchorTimes | None
    #: The anchor by the cost that was declared in the run.
    nearest: str


_Run = tuple[RunFolder, RunInfo]


def history(
    root: Path,
    *,
    ops: Collection[str] = (),
    keep: Callable[[Record], bool] = lambda _: True,
    all_environments: bool = False,
    min_change: float = MIN_CHANGE,
) -> History:
    """The history of the runs below a folder.

    ops: only of these, where any is given. keep: only of such records. all_environments: and not
    only that of the latest run. min_change: the smallest change to report, as a share. A warning
    names each run that can't be read.

    Raises RunFolderError where `root` holds none that can.
    """
    return history_of(
        runs_in(root),
        ops=ops,
        keep=keep,
        all_environments=all_environments,
        min_change=min_change,
    )


def history_of(
    folders: Iterable[RunFolder],
    *,
    ops: Collection[str] = (),
    keep: Callable[[Record], bool] = lambda _: True,
    all_environments: bool = False,
    min_change: float = MIN_CHANGE,
) -> History:
    """The history of runs whose heads can be read, the oldest first; as `history`."""
    races, copies, raceless = _sorted_out([(folder, folder.info) for folder in folders])
    latest = races[-1][1].environment.key if races else ""
    runs = [(f, i) for f, i in races if all_environments or i.environment.key == latest]
    points: dict[tuple[Case, str], list[_Candidate]] = {}
    without, known_ops = list[str](), set[str]()
    for number, (folder, info) in enumerate(runs):
        records = folder.records(ops={*ops, *ANCHORS} if ops else ())
        if not (anchors := anchor_times(records)):
            without.append(info.id)
        for record in without_anchors(records):
            known_ops.add(record.case.op)
            if isinstance(record.outcome, Measured) and keep(record):
                candidate = _candidate(number, info, record, record.outcome, anchors)
                points.setdefault((record.case, record.contender), []).append(candidate)
    return History(
        series=tuple(_series(*key, run, min_change=min_change) for key, run in points.items()),
        runs=tuple(info.id for _, info in runs),
        other_environments=tuple(info.id for run, info in races if (run, info) not in runs),
        without_anchors=tuple(without),
        ops=tuple(sorted(known_ops)),
        copies=copies,
        without_races=raceless,
    )


def _sorted_out(runs: Sequence[_Run]) -> tuple[list[_Run], tuple[str, ...], tuple[str, ...]]:
    """The runs with a race, once each; the ids of copies, and of those without a race."""
    races: list[_Run] = []
    copies, raceless = [], []
    together = Counter(_began_as(info) for _, info in runs)
    contents: set[tuple[tuple[str, str], frozenset[str]]] = set()
    for folder, info in runs:
        try:
            raced = any(
                isinstance(line, Record) for line in folder.lines(mentioning=(Record.__name__,))
            )
            # What began at one moment may be one run, or two of a writer that only gives the day.
            moment = _began_as(info)
            held = frozenset(map(dumps, folder.records())) if together[moment] > 1 else frozenset()
        except RunFolderError as error:
            _LOG.warning("%s; this run is left out", error)
            continue
        if not raced:
            raceless.append(info.id)
        elif held and (moment, held) in contents:
            copies.append(info.id)
        else:
            contents.add((moment, held))
            races.append((folder, info))
    return races, tuple(copies), tuple(raceless)


def _began_as(info: RunInfo) -> tuple[str, str]:
    """The date and the environment, by which copies of a run are found."""
    return info.created, info.environment.key


def _candidate(
    number: int,
    info: RunInfo,
    record: Record,
    measured: Measured,
    anchors: Mapping[tuple[str, int], AnchorTimes],
) -> _Candidate:
    """A contender in one run, with the run's anchors."""
    point = Point(
        run=info.id,
        number=number,
        created=start_time(info),
        environment=info.environment.key,
        fingerprint=record.fingerprint,
        time_s=median(measured.samples_s),
        relative=None,
    )
    own = anchors.get((record.case.device, record.case.threads))
    return _Candidate(point, own, nearest_anchor(measured))


def _series(
    case: Case, contender: str, candidates: Sequence[_Candidate], *, min_change: float
) -> Series:
    """The series of a contender, relative to the anchor of its first run."""
    anchor = candidates[0].nearest
    points = tuple(
        replace(item.point, relative=item.point.time_s / item.anchors.time_s(anchor))
        if item.anchors
        else item.point
        for item in candidates
    )
    return Series(
        case=case,
        contender=contender,
        anchor=anchor,
        points=points,
        changes=tuple(_changes(points, min_change)),
    )


def _changes(points: Iterable[Point], min_change: float) -> Iterator[Change]:
    """The steps of a series, each between the two runs around it."""
    known = [(point, point.relative) for point in points if point.relative is not None]
    for step in steps([value for _, value in known], min_change=min_change):
        before, after = known[step.at - 1][0], known[step.at][0]
        yield Change(
            before=before,
            after=after,
            ratio=step.ratio,
            evidence=step.evidence,
            source=before.fingerprint != after.fingerprint,
            environment=before.environment != after.environment,
        )
