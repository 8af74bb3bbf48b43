"""The file that a gate appends its verdicts to: tried before anything is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from opbench.results.errors import RunFolderError
from opbench.results.records.output_paths import ensure_apart_from_runs, open_pipe


def appender(name: str) -> Callable[[str], None]:
    """A function that appends a text to the file; with "" for its name, it does nothing.

    A file that isn't there is created with the first text only: until then it would be a change of
    the working tree, and could be taken for a verdict. Raises RunFolderError, now or when a text is
    appended, if the file can't be written or is a run's.
    """
    if not name:
        return lambda _: None
    path = Path(name)
    ensure_apart_from_runs(path)
    try:
        # Until this process ends: its reader would take a first try for the end.
        open_pipe(path)
    except OSError as error:
        raise _refused(path, error) from error

    def append(text: str) -> None:
        """Append a text to the file."""
        try:
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except (OSError, ValueError) as error:
            raise _refused(path, error) from error

    is_new = not path.exists()
    append("")
    if is_new:
        path.resolve().unlink(missing_ok=True)
    return append


def _refused(path: Path, error: OSError | ValueError) -> RunFolderError:
    """The error that a summary can't be written."""
    reason = getattr(error, "strerror", None) or error
    return RunFolderError(f"the summary {path} cannot be written: {reason}; name another file")
