"""A folder of runs as a history: what each contender took, run after run, and where that changed.

Times of different days can't be compared, as the machine isn't what it was; what they are of the
time of an anchor in the same run can. Which anchor: the one of the contender's kind, see `nearest`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opbench.results.errors import RunFolderError
from opbench.results.records import Case, Measured, Record, RunInfo
from opbench.results.records.anchors import ANCHORS, Yardstick, nearest, without_anchors, yardsticks
from opbench.results.records.codec import dumps
from opbench.results.records.run_folder import RunFolder, began, runs_in
from opbench.results.statistics.change_points import MIN_CHANGE, steps
from opbench.results.statistics.intervals import median

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A contender in one run.

    run: its id. created: when it began, in seconds since 1970. number: its place among the runs of
    the history. time_s: the median. relative: that over what the anchor took, None where the run
    has none.
    """

    run: str
    number: int
    created: float
    environment: str
    fingerprint: str
    time_s: float
    relative: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A step in a series, from one run to another.

    before, after: the last run of the old level and the first of the new one. ratio, evidence: as
    of a `Step`. source, environment: whether the contender's source, or the environment, is another
    one after it.
    """

    before: Point
    after: Point
    ratio: float
    evidence: float
    source: bool
    environment: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A contender on a case over the runs that measured it, the oldest first; at least one.

    anchor: the one over which its times are told.
    """

    case: Case
    contender: str
    anchor: str
    points: tuple[Point, ...]
    changes: tuple[Change, ...]

    @property
    def levels(self) -> tuple[float, ...]:
        """What can be compared: the relative times, of the runs that have anchors."""
        return tuple(point.relative for point in self.points if point.relative is not None)

    @property
    def ratio(self) -> float | None:
        """The latest level over the first; None where there aren't two."""
        return self.levels[-1] / self.levels[0] if len(self.levels) > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """series: in the order of their first runs. runs: the ids of those that were read.

    elsewhere: those that were left out, as their environment isn't that of the latest. bare: those
    that have no anchors. ops: that the runs tell of, among those that were asked for. copies: left
    out as well, as they hold what another holds, like the import of a run's own export. raceless:
    left out, as they raced nothing: gates, profiles and calibrations.
    """

    series: tuple[Series, ...]
    runs: tuple[str, ...]
    elsewhere: tuple[str, ...]
    bare: tuple[str, ...]
    ops: tuple[str, ...]
    copies: tuple[str, ...] = ()
    raceless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """A point before its series has an anchor, the run's yardstick, and the anchor it would choose.

    An op's declared cost may change, and with it the anchor: a series keeps that of its first run.
    """

    point: Point
    yardstick: Yardstick | None
    nearest: str


def history(
    root: Path,
    *,
    ops: Collection[str] = (),
    wanted: Callable[[Record], bool] = lambda _: True,
    everywhere: bool = False,
    min_change: float = MIN_CHANGE,
) -> History:
    """The history of the runs below a folder.

    ops: only of these, where any is given. wanted: only of such records. everywhere: of runs of
    all environments, not only that of the latest run. min_change: the smallest change to report,
    as a share. A warning names each run that can't be read.

    Raises RunFolderError where `root` holds none that can.
    """
    heads, copies, raceless = _sorted_out([(folder, folder.info) for folder in runs_in(root)])
    latest = heads[-1][1].environment.key if heads else ""
    near = [(f, i) for f, i in heads if everywhere or i.environment.key == latest]
    own = [info for _, info in near]
    found: dict[tuple[Case, str], list[_Seen]] = {}
    bare, told = list[str](), set[str]()
    for number, (folder, info) in enumerate(near):
        records = folder.records(ops={*ops, *ANCHORS} if ops else ())
        if not (known := yardsticks(records)):
            bare.append(info.id)
        for record in without_anchors(records):
            told.add(record.case.op)
            if isinstance(record.outcome, Measured) and wanted(record):
                seen = _seen(number, info, record, known)
                found.setdefault((record.case, record.contender), []).append(seen)
    return History(
        series=tuple(_series(*key, seen, min_change=min_change) for key, seen in found.items()),
        runs=tuple(info.id for info in own),
        elsewhere=tuple(info.id for _, info in heads if info not in own),
        bare=tuple(bare),
        ops=tuple(sorted(told)),
        copies=copies,
        raceless=raceless,
    )


_Run = tuple[RunFolder, RunInfo]


def _sorted_out(runs: Sequence[_Run]) -> tuple[list[_Run], tuple[str, ...], tuple[str, ...]]:
    """The runs that raced something, once each; the ids of copies, and of those without a race."""
    kept: list[_Run] = []
    copies, raceless = [], []
    together = Counter(_began_as(info) for _, info in runs)
    seen: set[tuple[tuple[str, str], frozenset[str]]] = set()
    for folder, info in runs:
        try:
            raced = any(isinstance(line, Record) for line in folder.lines(words=(Record.__name__,)))
            # What began at one moment may be one run, or two of a writer that only tells the day.
            moment = _began_as(info)
            held = frozenset(map(dumps, folder.records())) if together[moment] > 1 else frozenset()
        except RunFolderError as error:
            _LOG.warning("%s; this run is left out", error)
            continue
        if not raced:
            raceless.append(info.id)
        elif held and (moment, held) in seen:
            copies.append(info.id)
        else:
            seen.add((moment, held))
            kept.append((folder, info))
    return kept, tuple(copies), tuple(raceless)


def _began_as(info: RunInfo) -> tuple[str, str]:
    return info.created, info.environment.key


def _seen(
    number: int, info: RunInfo, record: Record, known: Mapping[tuple[str, int], Yardstick]
) -> _Seen:
    outcome = record.outcome
    assert isinstance(outcome, Measured)
    point = Point(
        run=info.id,
        number=number,
        created=began(info),
        environment=info.environment.key,
        fingerprint=record.fingerprint,
        time_s=median(outcome.samples_s),
        relative=None,
    )
    yardstick = known.get((record.case.device, record.case.threads))
    return _Seen(point, yardstick, nearest(outcome))


def _series(case: Case, contender: str, seen: Sequence[_Seen], *, min_change: float) -> Series:
    anchor = seen[0].nearest
    points = tuple(
        replace(item.point, relative=item.point.time_s / item.yardstick.time_s(anchor))
        if item.yardstick
        else item.point
        for item in seen
    )
    return Series(
        case=case,
        contender=contender,
        anchor=anchor,
        points=points,
        changes=tuple(_changes(points, min_change)),
    )


def _changes(points: Iterable[Point], min_change: float) -> Iterator[Change]:
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
