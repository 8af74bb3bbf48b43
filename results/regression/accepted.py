"""Accepted changes: a small TOML file in the gated repository, of which every entry runs out.

[[accepted]]
op = "patch_pooling"
contender = "cpp"             # a pattern; "*" if left out
case = "wide *"               # a pattern of the case's label or key; "*" if left out
change = "slower"             # one of CHANGES; "slower" if left out
at_most = "25%"               # how much slower is accepted; however much if left out
reason = "sums in float64 since #12"
by = "ada"
until = 2027-03-31            # the last day
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

from opbench.results.errors import TriageError
from opbench.results.records import Case
from opbench.results.records.input_file import read_input

#: The name of the file, at the root of the repository.
NAME = "opbench-accepted.toml"
#: The changes that can be accepted: verdicts of a gate, and statuses of the uncompared.
Change = Literal["slower", "inconclusive", "vanished", "base", "both"]
CHANGES: tuple[Change, ...] = get_args(Change)

#: The changes that have a size.
_SIZED = ("slower", "inconclusive")
#: The keys of an entry: those it must have, the defaults of others, and all.
_REQUIRED = ("op", "reason", "by", "until")
_DEFAULTS = {"contender": "*", "case": "*", "change": "slower"}
_KEYS = ("op", "contender", "case", "change", "at_most", "reason", "by", "until")
#: A share as it is written in the file.
_PERCENT = re.compile(r"[0-9]+(\.[0-9]+)?%")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedChange:
    """A change that is accepted for a while.

    An entry of the file. It covers a finding of its op, contender, case and change, as long as that
    is no larger than `at_most`.
    """

    op: str
    #: A pattern, as of fnmatch.
    contender: str
    #: A pattern of the case's label or key.
    case: str
    change: Change
    #: The largest slowdown that is accepted, as a share; None for any.
    at_most: float | None
    reason: str
    #: The person who accepts it.
    by: str
    #: The last day on which it counts.
    until: date
    #: The file and the entry's number, for people.
    where: str

    def covers(
        self, *, op: str, contender: str, case: Case, change: str, slowdown: float | None
    ) -> bool:
        """Whether it accepts this change; as `find_entry`."""
        return (
            (self.op, self.change) == (op, change)
            and fnmatchcase(contender, self.contender)
            and any(fnmatchcase(name, self.case) for name in (case.label, case.key))
            # A slowdown that isn't known, or isn't a number, is within no limit.
            and (self.at_most is None or (slowdown is not None and slowdown <= self.at_most))
        )


def read(path: Path) -> tuple[AcceptedChange, ...]:
    """The entries of a file of accepted changes, expired ones too.

    Raises TriageError, which names the file, the entry and what is wrong with it.
    """
    try:
        text = read_input(path).decode("utf-8")
    except OSError as error:
        raise TriageError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise TriageError(f"{path} is not TOML: {error}") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> tuple[AcceptedChange, ...]:
    """The entries of a file's text; as `read`. name: of the file, for errors."""
    entries = tuple(
        _accepted(table, f"{name}, entry {number}")
        for number, table in enumerate(_tables(text, name), start=1)
    )
    firsts: dict[tuple[str, ...], AcceptedChange] = {}
    for entry in entries:
        first = firsts.setdefault((entry.op, entry.contender, entry.case, entry.change), entry)
        if first is not entry:
            raise TriageError(
                f"{entry.where} accepts the same as {first.where}: {_text(entry)}; remove one"
            )
    return entries


def ensure_unexpired(entries: Iterable[AcceptedChange], today: date) -> None:
    """Raises TriageError, which lists them, where entries ended before `today`.

    A gate doesn't begin then: each has to be decided anew.
    """
    over = [entry for entry in entries if entry.until < today]
    if over:
        lines = (
            f"  {entry.where}: {_text(entry)}, until {entry.until} by {entry.by}: {entry.reason}"
            for entry in over
        )
        raise TriageError(
            "accepted changes have expired:\n"
            + "\n".join(lines)
            + "\nremove each, or renew `until` if it is still accepted"
        )


def find_entry(
    entries: Iterable[AcceptedChange],
    *,
    op: str,
    contender: str,
    case: Case,
    change: str,
    slowdown: float | None,
) -> AcceptedChange | None:
    """The first entry that accepts a change; None where none does.

    change: a verdict or status of the gate; what isn't of CHANGES is never accepted. slowdown: the
    share by which head is slower than base, 0.25 say; None where no ratio was measured.
    """
    return next(
        (
            entry
            for entry in entries
            if entry.covers(op=op, contender=contender, case=case, change=change, slowdown=slowdown)
        ),
        None,
    )


def unused_entries(
    entries: Iterable[AcceptedChange], used: Sequence[AcceptedChange]
) -> tuple[AcceptedChange, ...]:
    """The entries that accepted nothing. used: those that `find_entry` gave for all of a gate."""
    return tuple(entry for entry in entries if entry not in used)


def _tables(text: str, name: str) -> Sequence[Mapping[str, Any]]:
    """The [[accepted]] tables of a file's text; TriageError where it is no such file."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise TriageError(f"{name} is not TOML: {error}") from error
    strange = sorted(document.keys() - {"accepted"})
    if strange:
        raise TriageError(f"{name} has {strange[0]!r}; it may hold only [[accepted]] tables")
    tables = document.get("accepted", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise TriageError(f"{name}: `accepted` is no list of tables; begin each with [[accepted]]")
    return tables


def _accepted(table: Mapping[str, Any], where: str) -> AcceptedChange:
    """The entry of a table; TriageError where a key is missing, unknown or of another type."""
    strange = sorted(table.keys() - set(_KEYS))
    if strange:
        raise TriageError(f"{where}: unknown key {strange[0]!r}; keys: {', '.join(_KEYS)}")
    lacking = [key for key in _REQUIRED if key not in table]
    if lacking:
        raise TriageError(f"{where}: {lacking[0]!r} is missing; required: {', '.join(_REQUIRED)}")
    values = _DEFAULTS | dict(table)
    for key in ("op", "contender", "case", "change", "reason", "by"):
        if not isinstance(values[key], str) or not values[key].strip():
            raise TriageError(f"{where}: {key!r} is {values[key]!r}; give a text that isn't empty")
    if values["change"] not in CHANGES:
        given = values["change"]
        raise TriageError(f"{where}: 'change' is {given!r}; give one of {', '.join(CHANGES)}")
    # A datetime is a date to Python; which day it means depends on where one is.
    if type(values["until"]) is not date:
        raise TriageError(
            f"{where}: 'until' is {values['until']!r}; give a day without quotes: 2027-03-31"
        )
    return AcceptedChange(**values | {"at_most": _at_most(values, where), "where": where})


def _at_most(values: Mapping[str, Any], where: str) -> float | None:
    """The largest accepted slowdown of an entry, as a share; None for any."""
    given = values.get("at_most")
    if given is None:
        return None
    if values["change"] not in _SIZED:
        raise TriageError(
            f"{where}: 'at_most' is of what was timed, not of {values['change']!r}; leave it out"
        )
    if not isinstance(given, str) or not _PERCENT.fullmatch(given):
        raise TriageError(f"{where}: 'at_most' is {given!r}; give a text in percent: \"25%\"")
    return float(given.removesuffix("%")) / 100


def _text(entry: AcceptedChange) -> str:
    """An entry in a few words: its change, contender, op and case."""
    return f"{entry.change} {entry.contender} of {entry.op} on {entry.case}"
