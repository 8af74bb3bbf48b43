"""Records to JSON and back, for every record type, guided by their annotations.

A dataclass becomes an object with its class name under "type". JSON has no NaN or infinity, so a
float that is not finite is written as a string.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from typing import Any

from results import record
from results.errors import RunFolderError, TruncatedLineError

_CLASSES: dict[str, type] = {
    name: value
    for name, value in vars(record).items()
    if dataclasses.is_dataclass(value) and isinstance(value, type)
}


def dumps(value: object) -> str:
    """One line of JSON for a record."""
    return json.dumps(_encode(value), allow_nan=False, separators=(",", ":"))


def loads(text: str) -> Any:
    """The record that `dumps` wrote.

    Raises TruncatedLineError where the text is not whole, RunFolderError where it is no record.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise TruncatedLineError(f"not a line of JSON: {error}") from error
    if not isinstance(data, dict) or data.get("type") not in _CLASSES:
        raise RunFolderError(f"not a record of opbench: {text[:80]!r}")
    return _decode(data, _CLASSES[data["type"]])


def _encode(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((f.name, _encode(getattr(value, f.name))) for f in dataclasses.fields(value))
        return {"type": type(value).__name__, **dict(fields)}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _decode(data: Any, hint: Any) -> Any:
    if isinstance(data, dict):
        return _decode_record(data)
    if isinstance(data, list):
        parts = _parts(hint, len(data))
        return tuple(_decode(item, part) for item, part in zip(data, parts, strict=True))
    if isinstance(data, str | int) and not isinstance(data, bool) and _wants_float(hint):
        return float(data)
    return data


def _decode_record(data: dict[str, Any]) -> Any:
    cls = _CLASSES.get(data.get("type", ""))
    if cls is None:
        raise RunFolderError(f"unknown record type {data.get('type')!r}")
    hints = _hints(cls)
    values = {key: value for key, value in data.items() if key != "type"}
    unknown = set(values) - set(hints)
    if unknown:
        raise RunFolderError(
            f"{cls.__name__} has no field {', '.join(sorted(unknown))}: the run was written by "
            "another version of opbench"
        )
    try:
        return cls(**{key: _decode(value, hints[key]) for key, value in values.items()})
    except (TypeError, ValueError) as error:
        raise RunFolderError(f"{cls.__name__} cannot be read: {error}") from error


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _parts(hint: Any, length: int) -> tuple[Any, ...]:
    args = typing.get_args(hint)
    if len(args) == 2 and args[1] is Ellipsis:
        return (args[0],) * length
    return args if len(args) == length else (None,) * length


def _wants_float(hint: Any) -> bool:
    if hint is float:
        return True
    is_union = isinstance(hint, types.UnionType)
    return is_union and set(typing.get_args(hint)) == {float, types.NoneType}
