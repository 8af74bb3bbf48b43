"""The run folder: `runs/<id>/{run.json, records.jsonl, traces/, tensorboard/}`.

Lines are appended and flushed one at a time, so that a run can be read whatever became of the
process that wrote it: a last line that was cut off is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from results import codec
from results.errors import RunFolderError, TruncatedLineError
from results.outputs import ensure_apart_from_runs, ensure_run_name, ignore_in_git
from results.record import (
    SCHEMA,
    Calibration,
    Case,
    Ceilings,
    Line,
    Measured,
    Profile,
    Record,
    RunInfo,
    Started,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run on disk. Make one with `create`, find one with `open_run`."""

    path: Path

    @property
    def traces(self) -> Path:
        """Where profiler traces go."""
        return self.path / "traces"

    @property
    def tensorboard(self) -> Path:
        """Where the published dashboard goes."""
        return self.path / "tensorboard"

    @property
    def info(self) -> RunInfo:
        """The head of the run. Raises RunFolderError where it is newer than this opbench."""
        info = codec.loads((self.path / "run.json").read_text(encoding="utf-8"))
        if not isinstance(info, RunInfo):
            raise RunFolderError(f"{self.path / 'run.json'} is not the head of a run")
        if info.schema > SCHEMA:
            raise RunFolderError(
                f"{self.path} was written with schema {info.schema}; this opbench reads up to "
                f"{SCHEMA}: install a newer opbench"
            )
        return info

    def append(self, line: Line) -> None:
        """Write one line and push it to the disk."""
        with (self.path / "records.jsonl").open("a+b") as file:
            if file.tell() and not _ends_with_newline(file.fileno(), file.tell()):
                file.write(b"\n")
            file.write(codec.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def lines(self, *, words: Collection[str] = ()) -> Iterator[Line]:
        """Every line, in order. A line that was cut off by a crash is skipped.

        words: where given, lines in which none of these strings stands are left unread.
        """
        quoted = [json.dumps(word).encode() for word in words]
        path = self.path / "records.jsonl"
        if not path.exists():
            return
        for number, text in enumerate(path.read_bytes().split(b"\n"), start=1):
            if not text.strip() or (quoted and not any(word in text for word in quoted)):
                continue
            try:
                yield codec.loads(text.decode("utf-8", errors="replace"))
            except TruncatedLineError:
                continue
            except RunFolderError as error:
                raise RunFolderError(f"{path}:{number}: {error}") from error

    def records(self, *, ops: Collection[str] = ()) -> tuple[Record, ...]:
        """The finished jobs; where a job was done twice, the later one counts.

        ops: only of these, where any is given: reading a large run takes a second.
        """
        jobs = (line for line in self.lines(words=ops) if isinstance(line, Record))
        found = {(r.case, r.contender): r for r in jobs if not ops or r.case.op in ops}
        return tuple(found.values())

    def profiles(self) -> tuple[Profile, ...]:
        """The profiled jobs, the latest of each; of two versions both."""
        found = {(p.case, p.contender, p.side): p for p in self.lines() if isinstance(p, Profile)}
        return tuple(found.values())

    def ceilings(self) -> tuple[Ceilings, ...]:
        """The machine's ceilings, the latest for each device and number of threads."""
        found = {(c.device, c.threads): c for c in self.lines() if isinstance(c, Ceilings)}
        return tuple(found.values())

    def calibrations(self) -> tuple[Calibration, ...]:
        """What is known of the gate, the latest for each device and number of threads."""
        lines = self.lines(words=(Calibration.__name__,))
        found = {(c.device, c.threads): c for c in lines if isinstance(c, Calibration)}
        return tuple(found.values())

    def unfinished(self) -> tuple[Started, ...]:
        """The jobs that were begun and left no record."""
        done = {(r.case, r.contender) for r in self.records()}
        begun = (line for line in self.lines() if isinstance(line, Started))
        return tuple(s for s in begun if (s.case, s.contender) not in done)


def create(root: Path, info: RunInfo) -> RunFolder:
    """Make the folder `root/<info.id>`, which git ignores.

    Raises RunFolderError where it exists, lies in another run, or its id is no name.
    """
    ensure_run_name(info.id)
    ensure_apart_from_runs(root)
    path = root / info.id
    try:
        path.mkdir(parents=True)
        ignore_in_git(path)
    except FileExistsError as error:
        raise RunFolderError(f"{path} exists already; give another --id or --out") from error
    except OSError as error:
        raise RunFolderError(f"{path} cannot be made: {error.strerror}; give --out") from error
    (path / "run.json").write_text(codec.dumps(info) + "\n", encoding="utf-8")
    return RunFolder(path)


def open_run(path: str | Path) -> RunFolder:
    """The run at `path`. Raises RunFolderError where there is none."""
    folder = RunFolder(Path(path))
    if not (folder.path / "run.json").is_file():
        raise RunFolderError(f"{folder.path} is not a run: it has no run.json")
    return folder


def runs_in(root: Path) -> tuple[RunFolder, ...]:
    """The runs below a folder, the one that began first at the head.

    Raises RunFolderError where there is none, or one of them can't be read.
    """
    folders = [RunFolder(head.parent) for head in root.glob("*/run.json")]
    if not folders:
        raise RunFolderError(f"there is no run in {root}; make one with `opbench run`")
    return tuple(sorted(folders, key=lambda folder: began(folder.info)))


def began(info: RunInfo) -> float:
    """When a run began, in seconds since 1970; 0.0 where its head doesn't tell."""
    try:
        return datetime.fromisoformat(info.created).timestamp()
    except ValueError:
        return 0.0


def latest(root: Path) -> RunFolder:
    """The run below `root` that was begun last. Raises RunFolderError where there is none.

    One whose head can't be read counts as the oldest. When a head was written to the disk tells of
    those only that began at one time: copies and clones have it anew.
    """
    folders = [RunFolder(head.parent) for head in root.glob("*/run.json")]
    if not folders:
        raise RunFolderError(f"there is no run in {root}; make one with `opbench run`")
    return max(folders, key=_age)


def _age(folder: RunFolder) -> tuple[float, int]:
    """When a run began, and when its head was written; the larger, the later."""
    try:
        created = began(folder.info)
    except (RunFolderError, OSError, ValueError, TypeError, OverflowError):
        created = 0.0
    return created, (folder.path / "run.json").stat().st_mtime_ns


def read(run: str | Path, *, by: str = "job") -> pd.DataFrame:
    """A run as a tidy table: one row per job, or with by="sample" one per sample.

    Columns: the fields of the case, one `axis_<name>` per axis, contender, outcome, its fields
    (times in seconds) and `reason`. Raises RunFolderError where `run` is not a run.
    """
    if by not in ("job", "sample"):
        raise ValueError(f"by={by!r} is not one of job, sample")
    jobs = open_run(run).records()
    if by == "job":
        return _frame([_job_row(record) for record in jobs])
    return _frame([row for record in jobs for row in _sample_rows(record)])


def _frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A frame in which a column of integers stays one where some jobs have no value."""
    import pandas as pd

    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    types = {name: {type(v) for v in values if v is not None} for name, values in columns.items()}
    holes = [name for name, values in columns.items() if types[name] == {int} and None in values]
    return pd.DataFrame(columns).astype(dict.fromkeys(holes, "Int64"))


#: What a job has one of per sample, and a row of the table by sample has one of.
_PER_SAMPLE = ("samples_s", "rounds", "units", "device_s")


def _sample_rows(record: Record) -> Iterator[dict[str, object]]:
    outcome = record.outcome
    if isinstance(outcome, Measured):
        row = _job_row(record)
        del row["median_s"]
        count = len(outcome.samples_s)
        units, rounds = outcome.units or (0,) * count, outcome.rounds or (None,) * count
        device = outcome.device_s or (None,) * count
        for unit, number, time_s, device_s in zip(
            units, rounds, outcome.samples_s, device, strict=True
        ):
            sample = {"process": unit, "round": number, "time_s": time_s, "device_s": device_s}
            yield row | sample


def _job_row(record: Record) -> dict[str, object]:
    from results.stats import median

    outcome = record.outcome
    row: dict[str, object] = {
        "contender": record.contender,
        **_case_columns(record.case),
        "outcome": type(outcome).__name__,
        "fingerprint": record.fingerprint,
        "environment_key": record.environment_key,
        "caveats": "; ".join(f"{kind}: {text}" for kind, text in record.caveats),
        "output": record.output,
    }
    names = (n for cls in type(outcome).__mro__ for n in getattr(cls, "__slots__", ()))
    row |= {name: getattr(outcome, name) for name in names if name not in _PER_SAMPLE}
    if isinstance(outcome, Measured):
        row["median_s"] = median(outcome.samples_s)
    return row


def _case_columns(case: Case) -> dict[str, object]:
    columns = {name: getattr(case, name) for name in Case.__slots__ if name != "axes"}
    return columns | {f"axis_{name}": value for name, value in case.axes}


def _ends_with_newline(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"
