"""Where runs lie below TensorBoard's log directory. Nothing of them is read.

TensorBoard asks whether there are any when it starts: nothing is imported here that takes long.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: So deep below the log directory runs are looked for, in so many folders at most.
_DEPTH, _MOST_FOLDERS = 4, 20_000
#: What decides whether a file has changed: its number, its size and its time.
FileStatus = tuple[int, int, int]
#: Of the head of a run and of its records.
RunStatus = tuple[FileStatus, FileStatus]
#: The status of a file that isn't there, and of one of which it can't be had.
_ABSENT, _UNKNOWN = (0, 0, 0), (1, 0, 0)


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a run lies, and the state of its files."""

    #: Its path below the log directory, as pages name it; "." of the log directory itself.
    id: str
    path: Path
    status: RunStatus


@dataclass(frozen=True, slots=True)
class Listing:
    """The runs that were found."""

    places: tuple[RunPlace, ...]
    #: What was left out, for people.
    faults: tuple[str, ...]

    @property
    def stamp(self) -> str:
        """The same as long as no run has changed."""
        states = [(place.id, place.status) for place in self.places]
        return hashlib.sha256(repr((states, self.faults)).encode()).hexdigest()[:16]


def runs_below(logdir: str) -> Listing:
    """The runs of a log directory, by their paths; none of those in other runs and behind links."""
    if not logdir or "://" in logdir:
        return Listing((), (f"runs are looked for in a folder of this machine, not in {logdir!r}",))
    root = Path(os.path.realpath(logdir))
    places: list[RunPlace] = []
    faults: list[str] = []
    for count, folder in enumerate(_folders(root, faults)):
        if count >= _MOST_FOLDERS:
            faults.append(f"more than {_MOST_FOLDERS} folders: the others were not looked into")
            break
        if _is_run(folder):
            places.append(place_of(folder, root))
    return Listing(tuple(sorted(places, key=lambda place: place.id)), tuple(faults))


def place_of(folder: Path, root: Path) -> RunPlace:
    """The place of a run that lies below `root`."""
    status = (_status(folder / "run.json"), _status(folder / "records.jsonl"))
    return RunPlace(_id(folder, root), folder, status)


def _folders(root: Path, faults: list[str]) -> Iterator[Path]:
    """The folders below `root`, itself first, level by level; none within a run."""
    level = [root]
    for _ in range(_DEPTH + 1):
        yield from level
        outside = (folder for folder in level if not _is_run(folder))
        level = [below for folder in outside for below in _folders_in(folder, root, faults)]
    if level:
        name = _id(level[0], root)
        faults.append(f"{name}: not looked into, as all that lies more than {_DEPTH} folders deep")


def _folders_in(folder: Path, root: Path, faults: list[str]) -> list[Path]:
    """The folders in a folder, by name; hidden ones and links apart."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        faults.append(f"{_id(folder, root)} cannot be read: {error.strerror or error}")
        return []
    faults += (
        f"{_id(Path(entry.path), root)} is a link out of the log directory: it is not followed"
        for entry in found
        if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(root)
    )
    shown = (entry for entry in found if not entry.name.startswith("."))
    return [Path(entry.path) for entry in shown if entry.is_dir(follow_symlinks=False)]


def _is_run(folder: Path) -> bool:
    """Whether a folder has the head of a run, readable or not."""
    return os.path.lexists(folder / "run.json")


def _status(path: Path) -> FileStatus:
    """What decides whether a file has changed; a link's is that of its target."""
    try:
        status = path.stat()
    except OSError:
        return _UNKNOWN if os.path.lexists(path) else _ABSENT
    return status.st_ino, status.st_size, status.st_mtime_ns


def _id(folder: Path, root: Path) -> str:
    """The path below the root, as text that any page can hold."""
    return folder.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()
