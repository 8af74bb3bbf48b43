"""The benchmarks in a file of pytest-benchmark's form, of any writer, however much is left out.

Versions from 2.5 on and other writers lack `param`, `params`, `group`, `extra_info`, the samples or
more: what is missing is inferred from the rest where it can be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from opbench.results.errors import RunFolderError
from opbench.results.records.validation import is_time

#: The address of an object in its repr: another in each process.
_ADDRESS = re.compile(r"(?: at)? 0x[0-9a-fA-F]{6,}")
#: Statistics that stand for the samples where only these were saved: the first that is there.
_STATISTICS = ("median", "mean", "min")


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark of a file."""

    #: Of the function, with its path and the id of its parameters.
    fullname: str
    #: Without the path.
    name: str
    #: "" where it is in none.
    group: str
    #: As pytest calls its parameters; "" where there are none.
    id: str
    params: Mapping[str, Any]
    #: Seconds per call, at least one.
    samples_s: tuple[float, ...]
    #: Why these aren't all samples; "" where they are.
    note: str
    #: Per sample.
    calls: int
    #: The `extra_info` of its writer.
    extra: Mapping[str, Any]

    @property
    def function(self) -> str:
        """The path of the function: "tests/test_sort.py::test_sort"."""
        path, separator, rest = self.fullname.partition("::")
        if not separator:
            return self.fullname.partition("[")[0]
        return path + separator + rest.partition("[")[0]


def benchmarks(entries: Iterable[object]) -> tuple[list[Benchmark], list[str]]:
    """The benchmarks that can be read, in their order, and a message for each that can't.

    entries: the list under "benchmarks". Messages begin with the benchmark's name, or its number
    where it has none.
    """
    readable, left_out = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            readable.append(_benchmark(entry))
        except RunFolderError as error:
            left_out.append(f"{_name_of(entry) or f'benchmark {number}'} {error}")
    return _without_addresses(readable), left_out


def without_address(text: str) -> str:
    """A text without the addresses of objects, so that it is the same in another run.

    "<function f at 0x7f3a2c1d5e10>" becomes "<function f>".
    """
    return _ADDRESS.sub("", text)


def _benchmark(entry: object) -> Benchmark:
    """Raises RunFolderError with the fault, without the name of the benchmark."""
    if not isinstance(entry, dict):
        raise RunFolderError(f"is no object: {str(entry)[:40]}")
    fullname, stats = _name_of(entry), entry.get("stats")
    if not fullname:
        raise RunFolderError("has no name")
    if not isinstance(stats, dict):
        raise RunFolderError("has no statistics")
    name = _text(entry.get("name")) or _last_part(fullname)
    samples_s, note = _samples(stats)
    return Benchmark(
        fullname=fullname,
        name=name,
        group=_text(entry.get("group")),
        id=_text(entry.get("param")) or _id_in(name),
        params=_mapping(entry.get("params")),
        samples_s=samples_s,
        note=note,
        calls=_calls(stats.get("iterations")),
        extra=_mapping(entry.get("extra_info")),
    )


def _name_of(entry: object) -> str:
    """The full name of an entry, or its name; "" where it has neither."""
    if not isinstance(entry, dict):
        return ""
    return _text(entry.get("fullname")) or _text(entry.get("name"))


def _last_part(fullname: str) -> str:
    """The name in "tests/test_sort.py::TestSort::test_sort[a::b]"."""
    path, _, rest = fullname.partition("::")
    function, bracket, parameters = (rest or path).partition("[")
    return function.rpartition("::")[2] + bracket + parameters


def _samples(stats: Mapping[str, Any]) -> tuple[tuple[float, ...], str]:
    """The samples, or what stands for them, which the note then says."""
    data = stats.get("data")
    if data:
        if not isinstance(data, list):
            raise RunFolderError(f"has samples that are no list: {str(data)[:40]}")
        return tuple(_seconds(value, f"a sample (of {len(data)})") for value in data), ""
    for name in _STATISTICS:
        if stats.get(name) is not None:
            note = f"only the {name} of {stats.get('rounds', 'its')} rounds was saved"
            return (_seconds(stats[name], f"a {name}"),), note
    raise RunFolderError(f"has neither samples nor a {', '.join(_STATISTICS)}")


def _seconds(value: object, what: str) -> float:
    """A time, also where it was written as a text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
    except (OverflowError, ValueError):
        seconds = 0.0
    if isinstance(value, bool) or not is_time(seconds):
        raise RunFolderError(f"has {what} that is no time: {str(value)[:40]}")
    return seconds


def _calls(value: object) -> int:
    """The calls of a sample; one where the value is no count."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 63
    return value if is_count and isinstance(value, int) else 1


def _id_in(name: str) -> str:
    """The id of the parameters in "test_sort[list-100]"."""
    return name.partition("[")[2].removesuffix("]") if name.endswith("]") else ""


def _text(value: object) -> str:
    """A value as text; "" for null."""
    return "" if value is None else str(value)


def _mapping(value: object) -> Mapping[str, Any]:
    """A value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _without_addresses(items: list[Benchmark]) -> list[Benchmark]:
    """The benchmarks with names that another run has too, where these are still different."""
    once = Counter(without_address(name) for name in {item.fullname for item in items})
    return [
        replace(
            item,
            fullname=without_address(item.fullname),
            name=without_address(item.name),
            id=without_address(item.id),
        )
        if once[without_address(item.fullname)] == 1
        else item
        for item in items
    ]
