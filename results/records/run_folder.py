"""The run folder: `runs/<id>/{run.json, records.jsonl, traces/, tensorboard/}`.

Lines are appended and flushed one at a time, so that a run can be read whatever became of the
process that wrote it. A line that can't be read is left out, with a warning of this module's logger
that names its path and number.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opbench.results.errors import RunFolderError, TruncatedLineError
from opbench.results.records import codec
from opbench.results.records.comparison import Calibration
from opbench.results.records.explanation import Explanation
from opbench.results.records.latest_lines import latest_of
from opbench.results.records.machine import Ceilings
from opbench.results.records.outcome import Profile, Record, Started
from opbench.results.records.output_paths import (
    ensure_apart_from_runs,
    ensure_run_name,
    ignore_in_git,
)
from opbench.results.records.run import Line, RunInfo
from opbench.results.records.validation import ensure_sound, ensure_usable

_LOG = logging.getLogger(__name__)
#: So many lines of a file that can't be read are reported one by one.
_MOST_REPORTED = 5


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run on disk. `create` makes one, `open_run` finds one.

    It is read anew at each call: another process may be writing it.
    """

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
        """The head of the run.

        Raises RunFolderError, which names the file, where it can't be read or is newer than this
        opbench.
        """
        path = self.path / "run.json"
        return parse_head(_bytes(path), str(path))

    def append(self, *lines: Line) -> None:
        """Write lines and push them to the disk together.

        Raises RunFolderError where the disk is full, or the run can't be written.
        """
        path = self.path / "records.jsonl"
        text = "".join(codec.dumps(line) + "\n" for line in lines)
        try:
            with path.open("a+b") as file:
                if file.tell() and not _ends_with_newline(file.fileno(), file.tell()):
                    file.write(b"\n")
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunFolderError(f"{path} cannot be written: {error.strerror or error}") from error

    def ensure_writable(self) -> None:
        """Raise RunFolderError where lines or traces can't be added; make the traces' folder."""
        self.append()
        try:
            self.traces.mkdir(exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"{self.traces} cannot be made: {error.strerror}") from error

    def lines(self, *, mentioning: Collection[str] = ()) -> Iterator[Line]:
        """Every line, in order. What can't be read is left out, with a warning that names the line.

        mentioning: where given, whole lines in which none of these strings stands are left unread.
        Raises RunFolderError where the file can't be read, or no line of it.
        """
        quoted = [json.dumps(string).encode() for string in mentioning]
        path = self.path / "records.jsonl"
        texts = _bytes(path).split(b"\n") if os.path.lexists(path) else []
        faults: dict[int, RunFolderError] = {}
        some = False
        for number, text in enumerate(texts, start=1):
            if not text.strip():
                continue
            if quoted and _looks_whole(text) and not any(string in text for string in quoted):
                some = True
                continue
            try:
                line = parse_line(text)
            except RunFolderError as error:
                faults[number] = error
                continue
            some = True
            yield line
        # Of the first line of all a crash may have left a part.
        if not some and faults and not isinstance(faults.get(len(texts)), TruncatedLineError):
            number, fault = next(iter(faults.items()))
            raise RunFolderError(f"{path} holds no line that can be read; {number}: {fault}")
        _report(path, faults)

    def records(self, *, ops: Collection[str] = ()) -> tuple[Record, ...]:
        """The finished jobs, the latest of each contender and case. ops: only of these, if any."""
        jobs = (line for line in self.lines(mentioning=ops) if isinstance(line, Record))
        latest = {(r.case, r.contender): r for r in jobs if not ops or r.case.op in ops}
        return tuple(latest.values())

    def profiles(self) -> tuple[Profile, ...]:
        """The profiled jobs, the latest of each; of two versions both.

        Of a pair of versions, the profile of each side.
        """
        return latest_of(self.lines, Profile, lambda line: (line.case, line.contender, line.side))

    def explanations(self) -> tuple[Explanation, ...]:
        """Why contenders are slower than others, the latest of each case and pair."""
        return latest_of(self.lines, Explanation, lambda line: line.pair)

    def ceilings(self) -> tuple[Ceilings, ...]:
        """The machine's ceilings, the latest for each device and number of threads."""
        return latest_of(self.lines, Ceilings, lambda line: (line.device, line.threads))

    def calibrations(self) -> tuple[Calibration, ...]:
        """The calibrations of gates, the latest for each device and number of threads."""
        return latest_of(self.lines, Calibration, lambda line: (line.device, line.threads))

    def unfinished(self) -> tuple[Started, ...]:
        """The jobs without a record: the supervisor died with their worker, or the run goes on."""
        done = {(r.case, r.contender) for r in self.records()}
        started = (line for line in self.lines() if isinstance(line, Started))
        return tuple(s for s in started if (s.case, s.contender) not in done)


def create(root: Path, info: RunInfo, lines: Iterable[Line] = ()) -> RunFolder:
    """Make the folder `root/<info.id>`, which git ignores, with these lines.

    Raises RunFolderError where it exists, lies in another run or can't be written, or its id is no
    name.
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
    folder = RunFolder(path)
    if lines := tuple(lines):
        # Without a head it is no run, should the disk be full.
        folder.append(*lines)
    try:
        (path / "run.json").write_text(codec.dumps(info) + "\n", encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"{path} cannot be written: {error.strerror}; give --out") from error
    return folder


def open_run(path: str | Path) -> RunFolder:
    """The run at `path`. Raises RunFolderError where there is none.

    Its head is read by `info`, and may still turn out to be damaged.
    """
    folder = RunFolder(Path(path))
    try:
        (folder.path / "run.json").lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunFolderError(f"{folder.path} is not a run: it has no run.json") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunFolderError(f"{folder.path} cannot be read: {reason}") from error
    return folder


def runs_in(root: Path) -> tuple[RunFolder, ...]:
    """The runs below a folder that can be read, the one that began first at the head.

    A warning names each that can't. Raises RunFolderError where there is none.
    """
    readable: list[tuple[float, RunFolder]] = []
    heads = _heads(root)
    for folder in (RunFolder(head.parent) for head in heads):
        try:
            readable.append((start_time(folder.info), folder))
        except RunFolderError as error:
            _LOG.warning("%s; this run is left out", error)
    if not readable:
        what = "run" if not heads else "run that can be read"
        raise RunFolderError(f"there is no {what} in {root}; make one with `opbench run`")
    return tuple(folder for _, folder in sorted(readable, key=lambda item: item[0]))


def _heads(root: Path) -> list[Path]:
    """The heads of the runs in a folder, in the order of their names; also links to nothing."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        # A run's own name doesn't begin with a dot.
        names = sorted(path.name for path in root.iterdir() if path.name[0] != ".")
    heads = (root / name / "run.json" for name in names)
    return [head for head in heads if os.path.lexists(head)]


def start_time(info: RunInfo) -> float:
    """When a run began, in seconds since 1970; 0.0 where its head doesn't say."""
    try:
        return datetime.fromisoformat(info.created).timestamp()
    except (OSError, OverflowError, ValueError):
        return 0.0


def latest(root: Path) -> RunFolder:
    """The run below `root` that was begun last. Raises RunFolderError where there is none.

    A warning names each that can't be read. Runs that began at one time are ordered by when their
    heads were written to the disk, which copies and clones have anew.
    """
    return max(runs_in(root), key=_age)


def _age(folder: RunFolder) -> tuple[float, int]:
    """When a run began, and when its head was written; the larger, the later."""
    return start_time(folder.info), (folder.path / "run.json").stat().st_mtime_ns


def parse_head(text: bytes, name: str) -> RunInfo:
    """The head of a run from the content of its file, called `name` in the error.

    Raises RunFolderError where it can't be read or used.
    """
    try:
        info = codec.loads(text.decode("utf-8"))
        if not isinstance(info, RunInfo):
            raise RunFolderError("not the head of a run")
        ensure_usable(info)
    except (RunFolderError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{name} cannot be read: {error}") from error
    return info


def parse_line(text: bytes) -> Line:
    """A line of the records. Raises RunFolderError where it is none that can be used."""
    line = codec.loads(text.decode("utf-8", errors="replace"))
    if not isinstance(line, Line):
        raise RunFolderError(f"a {type(line).__name__} is no line of a run")
    ensure_sound(line)
    return line


def _looks_whole(text: bytes) -> bool:
    """Whether a line begins and ends as a record does."""
    return text.startswith(b'{"type":') and text.endswith(b"}")


def _report(path: Path, faults: Mapping[int, RunFolderError]) -> None:
    """Warn of the lines that can't be read: of the first few each, of the others their number."""
    for number, error in list(faults.items())[:_MOST_REPORTED]:
        _LOG.warning("%s:%d: %s; this line is left out", path, number, error)
    if len(faults) > _MOST_REPORTED:
        _LOG.warning("%s: %d more lines cannot be read", path, len(faults) - _MOST_REPORTED)


def _bytes(path: Path) -> bytes:
    """The content of a file; RunFolderError where it is none or can't be read."""
    try:
        # A pipe or a device may never end.
        if path.exists() and not path.is_file():
            raise RunFolderError(f"{path} cannot be read: it is no file")
        return path.read_bytes()
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}") from error


def _ends_with_newline(descriptor: int, size: int) -> bool:
    """Whether an open file of some size ends with a line break."""
    return os.pread(descriptor, 1, size - 1) == b"\n"
