"""Where outputs may go: names of runs, files that leave runs alone, folders that git ignores.

A pipe that nobody reads is refused: opening it would wait for ever.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opbench.results.errors import RunFolderError

#: The longest name that file systems take, in bytes.
_LONGEST = 255


def ensure_run_name(name: str) -> None:
    """Raises RunFolderError where `name` can't be a run's: it is one folder in the folder of runs.

    Those that begin with "." are missed by what lists folders, those with "-" taken for options.
    """
    if not name:
        raise RunFolderError("a run's name can't be empty")
    unfit = ""
    if not name.isprintable() or name != name.strip():
        unfit = "has a line break, a control character or blanks around it"
    elif "/" in name or "\\" in name:
        unfit = "is a path; say with --out where runs go"
    elif name[0] in ".-":
        unfit = f"begins with {name[0]!r}"
    elif len(name.encode()) > _LONGEST:
        unfit = f"is longer than {_LONGEST} bytes"
    if unfit:
        raise RunFolderError(f"{name!r} is no name for a run: it {unfit}")


def ensure_apart_from_runs(target: Path) -> None:
    """Raises RunFolderError where writing to `target` would change a file of a run.

    Links are followed. A file of several names (hard links) may be a run's under another of them.
    """
    try:
        place = target.resolve()
        shared = place.is_file() and place.stat().st_nlink > 1
        folder = next(_runs_around(place), None)
    except (OSError, RuntimeError, ValueError) as error:
        raise RunFolderError(f"{target} cannot be written: {error}; name another file") from error
    if folder is not None:
        raise RunFolderError(
            f"{target} lies in the run {folder}, whose files are left as they are; name "
            "another file"
        )
    if shared:
        raise RunFolderError(
            f"{target} has other names (hard links), whose file would be overwritten too; name "
            "another file"
        )


@contextmanager
def output_file(target: Path) -> Iterator[None]:
    """Around what writes the file `target`.

    Raises RunFolderError, saying what to do, where it can't be written or is a run's file.
    """
    try:
        ensure_file_can_be(target)
        pipe = open_pipe(target)
        try:
            yield
        finally:
            if pipe is not None:
                os.close(pipe)
    except OSError as error:
        raise RunFolderError(
            f"{target} cannot be written: {error.strerror or error}; name another file"
        ) from error


def ensure_file_can_be(target: Path) -> None:
    """Raises RunFolderError where there can be no file `target`, or it is a run's."""
    if target.is_dir():
        raise RunFolderError(f"{target} is a folder; name a file in it")
    if not target.parent.is_dir():
        raise RunFolderError(f"there is no folder {target.parent}; make it, or name another file")
    ensure_apart_from_runs(target)


def open_pipe(target: Path) -> int | None:
    """A descriptor of `target` where it is a pipe, else None: its reader stays while it is open.

    Raises OSError where nobody reads it, and an open() would wait.
    """
    if not target.is_fifo():
        return None
    try:
        return os.open(target, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        reason = "nobody reads this pipe" if error.errno == errno.ENXIO else error.strerror
        raise OSError(error.errno, reason) from error


def ignore_in_git(folder: Path) -> None:
    """Let git ignore a folder that was just made, so that it never makes a tree look changed."""
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def _runs_around(place: Path) -> Iterator[Path]:
    """The runs that a place lies in, the innermost first."""
    return (folder for folder in (place, *place.parents) if _is_run(folder))


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run, damaged ones included; other programs have a run.json as well."""
    head = folder / "run.json"
    if not head.is_file():
        return False
    if (folder / "records.jsonl").exists():
        return True
    text = head.read_bytes()
    return not text.strip() or b"RunInfo" in text
