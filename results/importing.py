"""Runs out of pytest-benchmark's JSON: opbench's own as they were, and anybody else's.

What pytest-benchmark timed was timed one after another: its samples belong to no shared rounds.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from results import codec
from results.benchmark_items import OWN
from results.errors import RunFolderError
from results.record import SCHEMA, AxisValue, Case, Environment, Line, Measured, Record, RunInfo
from results.store import RunFolder, create

#: The newest major version of pytest-benchmark whose JSON is known.
_NEWEST = 5
#: Names the case of what isn't opbench's own, where no parameters tell one from another.
_SHAPE = "pytest-benchmark"
#: What identifies the machine, of pytest-benchmark's `machine_info` and its `cpu`.
_MACHINE = ("system", "machine", "processor", "python_implementation", "python_version")
_CPU = ("brand_raw", "arch", "count")
#: How pytest-benchmark writes a parameter that JSON can't hold.
_UNSERIALIZABLE = "UNSERIALIZABLE["

Entry = Mapping[str, Any]


def import_run(source: Path, root: Path, *, run_id: str, contender: str = "") -> RunFolder:
    """Make a run folder `root/<run_id>` of the JSON that pytest-benchmark or `export` wrote.

    contender: of benchmarks that aren't opbench's own, the parameter that tells the contender; the
    others are then the axes of its case.
    Raises RunFolderError where the file is none of these, or the folder can't be made.
    """
    info, lines = read_benchmarks(source, contender=contender)
    folder = create(root, replace(info, id=run_id))
    for line in lines:
        folder.append(line)
    return folder


def read_benchmarks(source: Path, *, contender: str = "") -> tuple[RunInfo, tuple[Line, ...]]:
    """The head and the lines of the run that `source` tells of; as `import_run`."""
    document = _document(source)
    try:
        return _run(document, source, contender)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"{source} is not as pytest-benchmark writes it: {type(error).__name__}: {error}"
        ) from error
    except RunFolderError as error:
        raise RunFolderError(f"{source}: {error}") from error


def _document(source: Path) -> Entry:
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunFolderError(f"{source} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise RunFolderError(
            f"{source} is not JSON ({error}); give a file that --benchmark-json, "
            "--benchmark-save or `opbench export --format pytest-benchmark` wrote"
        ) from error
    if not isinstance(document, dict) or not {"benchmarks", "version"} <= document.keys():
        raise RunFolderError(
            f"{source} is not pytest-benchmark's: it has no `benchmarks` and `version`; give a "
            "file that --benchmark-json or --benchmark-save wrote"
        )
    return document


def _run(document: Entry, source: Path, contender: str) -> tuple[RunInfo, tuple[Line, ...]]:
    version = str(document["version"])
    if int(version.partition(".")[0]) > _NEWEST:
        raise RunFolderError(
            f"written by pytest-benchmark {version}; this opbench reads up to {_NEWEST}: install a "
            "newer opbench"
        )
    info, lines = _beside(document, source)
    entries: Sequence[Entry] = document["benchmarks"]
    own = [_own(entry) for entry in entries if _is_own(entry)]
    others = [entry for entry in entries if not _is_own(entry)]
    found = (*own, *_foreign(others, info.environment.key, contender))
    if not found and not lines:
        raise RunFolderError("holds no benchmarks; nothing was timed")
    count = Counter((record.case, record.contender) for record in found)
    for (case, name), times in count.items():
        if times > 1:
            raise RunFolderError(f"{name!r} of {case.op!r} {case.label} is in it {times} times")
    return info, (*lines, *found)


def _beside(document: Entry, source: Path) -> tuple[RunInfo, tuple[Line, ...]]:
    """The head, and what opbench wrote beside the benchmarks."""
    if OWN in document:
        own = _known(document[OWN])
        return _record(own["run"]), tuple(_record(line) for line in own.get("lines", ()))
    command = ("opbench", "import", str(source))
    return RunInfo("", document["datetime"], command, _environment(document["machine_info"])), ()


def _environment(machine: Entry) -> Environment:
    cpu: Entry = machine.get("cpu") or {}
    facts = {name: machine.get(name) for name in _MACHINE}
    facts |= {f"cpu_{name}": cpu.get(name) for name in _CPU}
    stable = tuple((name, str(value)) for name, value in facts.items() if value)
    key = hashlib.sha256(json.dumps(stable).encode()).hexdigest()[:12]
    return Environment(key, stable)


def _is_own(entry: Entry) -> bool:
    return OWN in (entry.get("extra_info") or {})


def _own(entry: Entry) -> Record:
    """A record that opbench wrote, its samples in their place."""
    record: Record = _record(_known(entry["extra_info"][OWN])["record"])
    samples, note = _samples(entry)
    if not isinstance(record.outcome, Measured) or (
        record.outcome.rounds and not note and len(record.outcome.rounds) != len(samples)
    ):
        raise RunFolderError(f"{entry['fullname']} was changed: its record and samples don't fit")
    outcome = replace(record.outcome, samples_s=samples, calls=entry["stats"]["iterations"])
    if note:
        outcome = replace(outcome, rounds=(), units=(), device_s=(), stopped=note)
    return replace(record, outcome=outcome)


def _foreign(entries: Iterable[Entry], key: str, contender: str) -> list[Record]:
    """What is not opbench's own: the cases and names that pytest-benchmark's items suggest."""
    by_op: dict[str, list[Entry]] = {}
    for entry in entries:
        by_op.setdefault(entry["group"] or _function(entry), []).append(entry)
    if contender:
        _ensure_parameter(contender, (entry for group in by_op.values() for entry in group))
    found = []
    for op, group in by_op.items():
        labels = _labels(group)
        for entry, label in zip(group, labels, strict=True):
            params = _parameters(entry)
            name, case = label, _case(op)
            if contender in params:
                name = str(params.pop(contender))
                case = _case(op, params)
            found.append(Record(name, case, _measured(entry), "", key))
    return found


def _parameters(entry: Entry) -> dict[str, AxisValue]:
    """The parameters; what JSON can't hold by what pytest calls it: "list" of "list-100"."""
    params: Entry = entry["params"] or {}
    ids = str(entry["param"]).split("-")
    if len(ids) != len(params):
        ids = [str(value) for value in params.values()]
    return {
        name: value if _is_plain(value) else known
        for (name, value), known in zip(params.items(), ids, strict=True)
    }


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return not value.startswith(_UNSERIALIZABLE)
    return isinstance(value, int | float)


def _case(op: str, params: Mapping[str, AxisValue] | None = None) -> Case:
    """A case of which nothing is known but its parameters."""
    axes = tuple((params or {}).items())
    shape = "-".join(str(value) for _, value in axes) or _SHAPE
    return Case(op, shape, axes, inputs="", dtype="", device="", direction="")


def _labels(group: Sequence[Entry]) -> list[str]:
    """A name for each of a group: its parameters, its name or its path, the first that tell all."""
    one_function = len({_function(entry) for entry in group}) == 1
    for field in ("param", "name") if one_function else ("name",):
        labels = [entry[field] for entry in group]
        if None not in labels and len(set(labels)) == len(labels):
            return labels
    return [entry["fullname"] for entry in group]


def _function(entry: Entry) -> str:
    """The path of the function: "tests/test_sort.py::test_sort"."""
    return str(entry["fullname"]).partition("[")[0]


def _measured(entry: Entry) -> Measured:
    samples, note = _samples(entry)
    return Measured(
        samples,
        rounds=(),
        calls=entry["stats"]["iterations"],
        preparation_s=math.nan,
        error=math.nan,
        flops=0,
        bytes=0,
        stopped=note or "timed by pytest-benchmark",
    )


def _samples(entry: Entry) -> tuple[tuple[float, ...], str]:
    """The samples, or the median where only statistics were saved, which the note then says."""
    stats = entry["stats"]
    samples = tuple(float(sample) for sample in stats.get("data") or (stats["median"],))
    if not all(0 < sample < math.inf for sample in samples):
        raise RunFolderError(f"{entry['fullname']} has a sample that is no time: {min(samples)}")
    if stats.get("data"):
        return samples, ""
    return samples, f"only the median of {stats['rounds']} rounds was saved"


def _ensure_parameter(name: str, entries: Iterable[Entry]) -> None:
    known = {param for entry in entries for param in entry["params"] or {}}
    if name not in known:
        raise RunFolderError(
            f"no benchmark has a parameter {name!r} to tell its contender; parameters: "
            f"{', '.join(sorted(known)) or 'none'}"
        )


def _known(own: Entry) -> Entry:
    """What opbench wrote. Raises RunFolderError where it is newer than this opbench."""
    if own["schema"] > SCHEMA:
        raise RunFolderError(
            f"written with schema {own['schema']}; this opbench reads up to {SCHEMA}: install a "
            "newer opbench"
        )
    return own


def _record(data: object) -> Any:
    return codec.loads(json.dumps(data))
