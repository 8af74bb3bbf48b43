"""Runs out of pytest-benchmark's JSON: those that opbench exported, and those of others.

Pytest-benchmark times one function after another: its samples belong to no shared rounds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opbench.results.errors import RunFolderError
from opbench.results.formats.foreign_benchmarks import foreign_records
from opbench.results.formats.pytest_benchmark_file import (
    Benchmark,
    benchmarks,
    without_address,
)
from opbench.results.formats.pytest_benchmark_items import OWN
from opbench.results.records import Case, Environment, Line, Measured, Record, RunInfo, codec
from opbench.results.records.input_file import read_input
from opbench.results.records.run_folder import RunFolder, create
from opbench.results.records.validation import ensure_sound, ensure_usable

#: So many reasons stand in the message where nothing in a file can be read.
_MOST_REPORTED = 5
#: The newest major version of pytest-benchmark whose JSON is known.
_NEWEST = 5
#: The keys of pytest-benchmark's `machine_info`, and of its `cpu`, that identify the machine; in
#: older versions a processor's name had another key.
_MACHINE = ("system", "machine", "processor", "python_implementation", "python_version")
_CPU = ("brand_raw", "arch", "count")
_OLD_BRAND = "brand"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """A file as a run."""

    #: Its head, whose id is replaced when the run is created.
    info: RunInfo
    lines: tuple[Line, ...]
    #: A message for each benchmark that isn't among the lines.
    left_out: tuple[str, ...]
    #: Warnings of what the file doesn't say.
    remarks: tuple[str, ...]

    def create(self, root: Path, run_id: str) -> RunFolder:
        """Make the run folder `root/<run_id>`. Raises RunFolderError where it can't be made."""
        return create(root, replace(self.info, id=run_id), self.lines)


def read_benchmarks(source: Path, *, contender: str = "") -> ImportedRun:
    """The run in a file that pytest-benchmark, `opbench export` or another writer wrote.

    contender: of benchmarks that aren't opbench's own, the parameter that names the contender; the
    others are then the axes of its case.
    Raises RunFolderError where the file is none of these, or no benchmark in it can be read.
    """
    document = _document(source)
    try:
        run = _imported(document, source, contender)
        if not run.lines:
            raise RunFolderError(_why_empty(run.left_out))
    except RunFolderError as error:
        raise RunFolderError(f"{source}: {error}") from error
    return run


def _why_empty(left_out: Sequence[str]) -> str:
    """The message for a file without a benchmark, with the first few reasons."""
    if not left_out:
        return "holds no benchmarks; nothing was timed"
    more = len(left_out) - _MOST_REPORTED
    reasons = "; ".join((*left_out[:_MOST_REPORTED], *([f"and {more} more"] if more > 0 else ())))
    return f"holds no benchmark that can be read: {reasons}"


def _document(source: Path) -> Document:
    """The JSON of a file; RunFolderError where it is not of pytest-benchmark's form."""
    try:
        document = json.loads(read_input(source), parse_int=_integer)
    except OSError as error:
        raise RunFolderError(f"{source} cannot be read: {error.strerror or error}") from error
    except (RecursionError, ValueError) as error:
        raise RunFolderError(
            f"{source} is not JSON ({error}); give a file that --benchmark-json, "
            "--benchmark-save or `opbench export --format pytest-benchmark` wrote"
        ) from error
    entries = document.get("benchmarks") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not ("version" in document or any(map(_is_timed, entries))):
        raise RunFolderError(
            f"{source} is not pytest-benchmark's: it has no list of `benchmarks` with `stats`; "
            "give a file that --benchmark-json or --benchmark-save wrote"
        )
    return dict(document)


def _integer(text: str) -> int | str:
    """A number of thousands of digits, which Python refuses, stays a text."""
    try:
        return int(text)
    except ValueError:
        return text


def _is_timed(entry: object) -> bool:
    """Whether an entry has statistics."""
    return isinstance(entry, dict) and isinstance(entry.get("stats"), dict)


def _imported(document: Document, source: Path, contender: str) -> ImportedRun:
    """The run in a document; RunFolderError where its version or schema is too new."""
    _ensure_known_version(str(document.get("version")))
    faults: list[str] = []
    head = _own_head(document, faults)
    info, remarks = (head, ()) if head else _foreign_head(document, source)
    lines: list[Line] = [*_own_lines(document, faults)] if head else []
    readable, unread = benchmarks(document["benchmarks"])
    faults += unread
    own = [item for item in readable if _is_own(item)]
    others = [item for item in readable if not _is_own(item)]
    lines += _own_records(own, faults)
    remarks = (*remarks, *_unstable(others))
    if others or not faults:
        lines += foreign_records(others, info.environment.key, contender=contender)
    return ImportedRun(info, tuple(_once(lines, faults)), tuple(faults), remarks)


def _ensure_known_version(version: str) -> None:
    """Raises RunFolderError where a newer pytest-benchmark wrote the file."""
    major = version.partition(".")[0]
    if major.isdecimal() and float(major) > _NEWEST:
        raise RunFolderError(
            f"written by pytest-benchmark {version}; this opbench reads up to {_NEWEST}: install a "
            "newer opbench"
        )


def _once(lines: Iterable[Line], faults: list[str]) -> Iterable[Line]:
    """The lines, with the first of several records of one contender on one case."""
    keys: set[tuple[Case, str]] = set()
    for line in lines:
        if isinstance(line, Record):
            key = (line.case, line.contender)
            if key in keys:
                which = f"{line.contender!r} of {line.case.op!r} {line.case.label}"
                faults.append(f"{which} is in it more than once: the first counts")
                continue
            keys.add(key)
        yield line


def _own_head(document: Document, faults: list[str]) -> RunInfo | None:
    """The head of the run, where opbench wrote the file."""
    own = document.get(OWN)
    if not isinstance(own, dict) or "run" not in own:
        return None
    codec.ensure_known(own.get("schema"))
    try:
        info = _record(own["run"])
        if not isinstance(info, RunInfo):
            raise RunFolderError("not the head of a run")
        ensure_usable(info)
    except RunFolderError as error:
        faults.append(f"the head of the run cannot be read: {error}")
        return None
    return info


def _own_lines(document: Document, faults: list[str]) -> Iterable[Line]:
    """The lines beside the benchmarks: ceilings, and contenders that were not measured."""
    lines = document[OWN].get("lines", [])
    for number, data in enumerate(lines if isinstance(lines, list) else [lines], start=1):
        try:
            line = _record(data)
            if not isinstance(line, Line):
                raise RunFolderError("it is no line of a run")
            ensure_sound(line)
        except RunFolderError as error:
            faults.append(f"line {number} beside the benchmarks cannot be read: {error}")
        else:
            yield line


def _foreign_head(document: Document, source: Path) -> tuple[RunInfo, tuple[str, ...]]:
    """The head of a run that another program timed, and warnings of what is missing."""
    created, environment = _created(document.get("datetime")), _environment(document)
    remarks = (
        "" if created else "it has no date, and counts as the oldest of all runs",
        "" if environment.stable else "it says nothing of its machine: compare it with care",
    )
    info = RunInfo(
        id=source.stem,
        created=created,
        command=("opbench", "import", str(source)),
        environment=environment,
    )
    return info, tuple(filter(None, remarks))


def _created(value: object) -> str:
    """A date as ISO text, also from seconds since 1970; "" where it is none."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC).isoformat()
        datetime.fromisoformat(str(value)).timestamp()
    except (OSError, OverflowError, ValueError):
        return ""
    return str(value)


def _environment(document: Document) -> Environment:
    """The facts that identify the machine; all of them where a hook wrote others."""
    written = document.get("machine_info")
    machine = written if isinstance(written, dict) else {}
    cpu = machine.get("cpu")
    cpu = cpu if isinstance(cpu, dict) else {"brand_raw": cpu}
    facts = {name: machine.get(name) for name in _MACHINE}
    facts |= {f"cpu_{name}": cpu.get(name) for name in _CPU}
    facts["cpu_brand_raw"] = facts["cpu_brand_raw"] or cpu.get(_OLD_BRAND)
    if not any(facts.values()):
        facts = machine if isinstance(written, dict) else {"machine_info": written}
    stable = tuple((name, str(value)) for name, value in facts.items() if value)
    key = hashlib.sha256(json.dumps(stable).encode()).hexdigest()[:12]
    return Environment(key, stable)


def _is_own(item: Benchmark) -> bool:
    """Whether opbench wrote a benchmark: others may use that key too."""
    own = item.extra.get(OWN)
    return isinstance(own, dict) and isinstance(own.get("schema"), int)


def _unstable(items: Iterable[Benchmark]) -> Iterable[str]:
    """A warning of names that are others in each process, and so can't be compared."""
    names = [item.fullname for item in items if without_address(item.fullname) != item.fullname]
    if names:
        yield (
            f"names with the address of an object are others in each run, and can't be compared "
            f"({len(names)}, first {names[0]}): give their parameters ids"
        )


def _own_records(items: Iterable[Benchmark], faults: list[str]) -> Iterable[Record]:
    """The records that opbench wrote; a fault for each that was changed."""
    for item in items:
        try:
            yield _own(item)
        except RunFolderError as error:
            faults.append(f"{item.fullname} {error}")


def _own(item: Benchmark) -> Record:
    """A record that opbench wrote, its samples in their place."""
    own = item.extra[OWN]
    codec.ensure_known(own["schema"])
    record = _record(own.get("record"))
    if not isinstance(record, Record) or not isinstance(record.outcome, Measured):
        raise RunFolderError("was changed: it has no record of what was measured")
    outcome = replace(record.outcome, samples_s=item.samples_s, calls=item.calls)
    if item.note:
        outcome = replace(outcome, rounds=(), units=(), device_s=(), stopped=item.note)
    whole = replace(record, outcome=outcome)
    try:
        ensure_sound(whole)
    except RunFolderError as error:
        raise RunFolderError(f"was changed: its record and samples don't fit ({error})") from error
    return whole


def _record(data: object) -> Any:
    """The record in a piece of JSON; RunFolderError where it is none."""
    return codec.loads(json.dumps(data))
