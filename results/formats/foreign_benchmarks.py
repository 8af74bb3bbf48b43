"""Benchmarks of other suites as records: the op, case and contender that each stands for."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opbench.results.errors import RunFolderError
from opbench.results.formats.pytest_benchmark_file import Benchmark, without_address
from opbench.results.records import AxisValue, Case, Measured, Record

#: The name of the case where there are no parameters.
_SHAPE = "pytest-benchmark"
#: How pytest-benchmark writes a parameter that JSON can't hold.
_UNSERIALIZABLE = "UNSERIALIZABLE["
#: The repr of a function, a method or a class, with its name.
_OBJECT = re.compile(r"<(?:built-in |bound )?(?:function|method|class) '?(.+?)'?(?: of .*)?>")
#: An id with more ways to split it isn't tried.
_MOST_WAYS = 10_000

_Key = tuple[Case, str]


def foreign_records(items: Iterable[Benchmark], key: str, *, contender: str = "") -> list[Record]:
    """A record of each, in their order by op: a group is an op, else a function is.

    key: of the environment. contender: the parameter that names the contender, the others being
    axes; "" where all parameters name it.
    Raises RunFolderError where no benchmark has such a parameter.
    """
    ops: dict[str, list[Benchmark]] = {}
    for item in items:
        ops.setdefault(item.group or item.function, []).append(item)
    if contender:
        _ensure_parameter(contender, (item for group in ops.values() for item in group))
    return [
        Record(
            contender=name, case=case, outcome=_measured(item), fingerprint="", environment_key=key
        )
        for op, group in ops.items()
        for item, (case, name) in zip(group, _keys(op, group, contender), strict=True)
    ]


def _keys(op: str, group: Sequence[Benchmark], contender: str) -> list[_Key]:
    """The case and the contender of each of an op."""
    labels, functions = _labels(group), _function_names(group)
    keys: list[_Key] = []
    for item in group:
        params = _parameters(item)
        if contender in params:
            name = str(params.pop(contender))
            keys.append((_case(op, params, functions[item.function]), name))
        else:
            keys.append((_case(op), labels[item.fullname]))
    # Two objects may have one name, as two lambdas: then the benchmarks' own names are taken.
    owners = Counter(key for key, _ in {(k, i.fullname) for k, i in zip(keys, group, strict=True)})
    return [
        (case, name if owners[case, name] == 1 else labels[item.fullname])
        for item, (case, name) in zip(group, keys, strict=True)
    ]


def _labels(group: Sequence[Benchmark]) -> Mapping[str, str]:
    """A label for each full name: parameters, name or path, the first in which all differ."""
    items = {item.fullname: item for item in group}
    one_function = len({item.function for item in group}) == 1
    for field in ("id", "name") if one_function else ("name",):
        labels = {fullname: str(getattr(item, field)) for fullname, item in items.items()}
        if all(labels.values()) and len(set(labels.values())) == len(labels):
            return labels
    return {fullname: fullname for fullname in items}


def _function_names(group: Sequence[Benchmark]) -> Mapping[str, str]:
    """Short names for the functions of a group, by path: "" where it has only one."""
    paths = list(dict.fromkeys(item.function for item in group))
    short = [path.rpartition("::")[2] for path in paths]
    if len(paths) == 1:
        return dict.fromkeys(paths, "")
    return dict(zip(paths, short if len(set(short)) == len(short) else paths, strict=True))


def _parameters(item: Benchmark) -> dict[str, AxisValue]:
    """The parameters; one that JSON can't hold by its part of the id: "list" of "list-100"."""
    ids = _ids(item)
    return {
        name: value if _is_scalar(value) else ids.get(name) or _described(value)
        for name, value in item.params.items()
    }


def _ids(item: Benchmark) -> Mapping[str, str]:
    """The parts of the id for parameters that JSON can't hold, where it splits in one way only.

    Parts hold hyphens as well as being joined by them.
    """
    names = [name for name, value in item.params.items() if not _is_scalar(value)]
    if not names or math.comb(item.id.count("-") + 1, len(names)) > _MOST_WAYS:
        return {}
    matches = [
        re.fullmatch("-".join(_pattern(v, other) for v in item.params.values()), item.id, re.DOTALL)
        for other in ("(.+)", "(.+?)")
    ]
    longest, shortest = (match.groups() if match else () for match in matches)
    return dict(zip(names, longest, strict=False)) if longest == shortest else {}


def _pattern(value: object, other: str) -> str:
    """A pattern for the part of an id that stands for a value; `other` where JSON can't hold it."""
    if not _is_scalar(value):
        return other
    text = str(value)
    # pytest escapes what isn't ASCII.
    ways = {text, text.encode("unicode_escape").decode("ascii")}
    return f"(?:{'|'.join(map(re.escape, ways))})"


def _described(value: object) -> str:
    """An object by its name or its repr, without its address."""
    text = without_address(str(value))
    if text.startswith(_UNSERIALIZABLE):
        text = text.removeprefix(_UNSERIALIZABLE).removesuffix("]")
    named = _OBJECT.fullmatch(text)
    return named[1] if named else text


def _is_scalar(value: Any) -> bool:
    """Whether JSON holds a parameter as it is."""
    if isinstance(value, str):
        return not value.startswith(_UNSERIALIZABLE)
    return isinstance(value, int | float)


def _case(op: str, params: Mapping[str, AxisValue] | None = None, function: str = "") -> Case:
    """A case by its parameters, and by its function in a group of many."""
    axes = tuple((params or {}).items())
    parts = [function, *(str(value) for _, value in axes)]
    shape = "-".join(filter(None, parts)) or _SHAPE
    return Case(op=op, shape=shape, axes=axes, inputs="", dtype="", device="", direction="")


def _measured(item: Benchmark) -> Measured:
    """A benchmark as a contender that was timed by itself; its error and preparation are NaN."""
    return Measured(
        samples_s=item.samples_s,
        rounds=(),
        calls=item.calls,
        preparation_s=math.nan,
        error=math.nan,
        flops=0,
        bytes=0,
        stopped=item.note or "timed by pytest-benchmark",
    )


def _ensure_parameter(name: str, items: Iterable[Benchmark]) -> None:
    """Raises RunFolderError, which lists the parameters, where no benchmark has that one."""
    known = {param for item in items for param in item.params}
    if name not in known:
        raise RunFolderError(
            f"no benchmark has a parameter {name!r} to name its contender; parameters: "
            f"{', '.join(sorted(known)) or 'none'}"
        )
