"""The exceptions of opbench, as one small tree, and the exit code that each calls for.

OpbenchError
├── DeclarationError    an op, a contender or a module of them is not well formed
│   └── OpFaultError    one of an op's own functions raises, or returns what it mustn't
├── SelectionError      a selection names something that does not exist or can't be combined
├── RunFolderError      a run cannot be read or written
│   └── TruncatedLineError   a line was cut off by a crash
├── NothingRecordedError   a run holds nothing of what is selected
├── TableError          a table of choices is not well formed
│   └── StaleTableError      it was made for something else than what is here
├── TriageError         the file of accepted changes is not well formed, or entries have expired
├── VersionError        a version that is to be compared is not there, or does not build or load
├── EnvironmentsDifferError   two runs were made in environments that differ
└── UnsupportedError    a contender does not run here, or not on these inputs
"""

from __future__ import annotations

import contextlib
from typing import ClassVar

#: The exit code where nothing could be measured, or compared.
NOTHING_MEASURED = 6


class OpbenchError(Exception):
    """Root of every error that opbench raises on purpose; its text is meant for people."""

    #: The exit code of the command that it ends; unless a subclass says otherwise, of wrong usage.
    exit_code: ClassVar[int] = 2


class DeclarationError(OpbenchError):
    """An op, a contender or a module that declares them is not well formed."""


class OpFaultError(DeclarationError):
    """One of an op's own functions raises or returns what it mustn't: no fault of a contender.

    where: the op, the place in its source, and the function. why: the fault.
    """

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, why)
        self.where, self.why = where, why

    def __str__(self) -> str:
        return f"{self.where} {self.why}"


class SelectionError(OpbenchError):
    """A selection names something that does not exist, or that cannot be combined.

    The text says what there is instead.
    """


class RunFolderError(OpbenchError):
    """A run folder cannot be read or written.

    The text names the file, and says what to do.
    """


class TruncatedLineError(RunFolderError):
    """A line of a run is not whole JSON: its writer died in the middle of it."""


class NothingRecordedError(OpbenchError):
    """A run can be read and holds nothing of what is selected; the text says what to use.

    As an error of its own, since the command then ends as a run does that measured nothing.
    """

    exit_code = NOTHING_MEASURED


class TableError(OpbenchError):
    """A table of choices cannot be read, or is not well formed; the text names the place."""


class StaleTableError(TableError):
    """A table of choices is for another machine, software, contract or source than what is here.

    The text says what differs.
    """

    exit_code = NOTHING_MEASURED


class TriageError(OpbenchError):
    """The file of accepted changes cannot be read, is not well formed, or holds expired entries."""


class VersionError(OpbenchError):
    """A version that is to be compared does not exist, or does not build or load.

    The text names the version and what it lacks.
    """

    exit_code = NOTHING_MEASURED


class EnvironmentsDifferError(OpbenchError):
    """Two runs were made in environments that differ, so that their times can't be compared."""

    exit_code = NOTHING_MEASURED


class UnsupportedError(OpbenchError):
    """A contender does not run here, or not on these inputs; the text is the reason."""

    exit_code = NOTHING_MEASURED


def one_line(error: BaseException) -> str:
    """An exception's type and text, in a line of at most 300 characters.

    That is the first line of its text, and the second where the first only leads up to it.
    """
    lines: list[str] = []
    # An exception of others need not be well made.
    with contextlib.suppress(Exception):
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return f"{type(error).__name__}: {text[:300] or 'no message'}"
