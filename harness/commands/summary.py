"""The file that a gate appends its verdicts to: opened before anything is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from results.errors import RunFolderError
from results.outputs import ensure_apart_from_runs


@contextmanager
def appending(name: str) -> Iterator[Callable[[str], None]]:
    """What appends a text to the file; with "" for its name, a text goes nowhere.

    A file that wasn't there before is there afterwards only if something was appended. Raises
    RunFolderError at once where the file can't be opened, or is a run's, and later where a text
    can't be written.
    """
    if not name:
        yield lambda _: None
        return
    path = Path(name)
    ensure_apart_from_runs(path)
    is_new = not path.exists()
    with _told(path):
        file = path.open("a", encoding="utf-8")

    def append(text: str) -> None:
        with _told(path):
            file.write(text)
            file.flush()

    try:
        yield append
    finally:
        with _told(path):
            file.close()
        # The link, where it is one, was there before.
        made = path.resolve()
        if is_new and made.is_file() and not made.stat().st_size:
            made.unlink()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the system as what is to be told of the file."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunFolderError(
            f"the summary {path} cannot be written: {reason}; name another file"
        ) from error
