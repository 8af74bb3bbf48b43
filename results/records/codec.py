"""Records to JSON and back, by the annotations of their classes.

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
from collections.abc import Callable
from typing import Any

from opbench.results import records
from opbench.results.errors import RunFolderError, TruncatedLineError
from opbench.results.records import case, run

#: The record classes by their names, which are the file format.
_CLASSES: dict[str, type] = {
    name: value
    for name, value in vars(records).items()
    if dataclasses.is_dataclass(value) and isinstance(value, type)
}


def dumps(value: object) -> str:
    """One line of JSON for a record.

    Of any dataclass, also of those that are no records; `loads` reads records only.
    """
    return json.dumps(_encode(value), allow_nan=False, separators=(",", ":"))


def loads(text: str) -> Any:
    """The record that `dumps` wrote, its fields of the types that they are annotated with.

    A lone surrogate, which no file or terminal takes, is read as its escape, and an axis of more
    than 64 bits, which no table takes, as its digits.
    Raises TruncatedLineError where the text is not whole, RunFolderError where it is no record, or
    is of a newer schema.
    """
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise RunFolderError("nested too deeply for a record of opbench") from error
    except ValueError as error:
        raise TruncatedLineError(f"not whole JSON: {error}") from error
    if not isinstance(data, dict) or _class_of(data) is None:
        raise RunFolderError(f"not a record of opbench: {text[:80]!r}")
    ensure_known(data.get("schema"))
    return _decode_record(data)


def ensure_known(schema: object) -> None:
    """Raises RunFolderError where something was written with a newer schema than this opbench's."""
    if isinstance(schema, int) and schema > run.SCHEMA:
        raise RunFolderError(
            f"written with schema {schema}; this opbench reads up to {run.SCHEMA}: install a "
            "newer opbench"
        )


def _encode(value: object) -> object:
    """A value as JSON has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((f.name, _encode(getattr(value, f.name))) for f in dataclasses.fields(value))
        return {"type": type(value).__name__, **dict(fields)}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


@functools.cache
def _decoder(hint: Any) -> Callable[[Any], Any]:
    """Makes the value of an annotation's type of JSON.

    It raises ValueError where that is of another type.
    """
    if hint in _SCALARS:
        return _SCALARS[hint]
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return functools.partial(_choice, choices=parts)
    if isinstance(hint, types.UnionType):
        return functools.partial(_decode_union, kinds=parts)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(_decode_record, kinds=(hint,))
    return functools.partial(_decode_tuple, parts=parts)


def _decode_union(data: Any, kinds: tuple[Any, ...]) -> Any:
    """The value of one of several types. Raises ValueError where it is of none."""
    if set(kinds) == _AXIS:
        return _axis_value(data)
    if data is None and types.NoneType in kinds:
        return None
    if isinstance(data, dict):
        return _decode_record(data, kinds)
    for kind in kinds:
        if kind in _SCALARS:
            return _SCALARS[kind](data)
    raise ValueError(f"{_brief(data)} is no record")


def _decode_tuple(data: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """A tuple, of one type throughout or of a type for each place."""
    if not isinstance(data, list):
        raise ValueError(f"{_brief(data)} is no list")
    if len(parts) == 2 and parts[1] is Ellipsis:
        # A run has millions of samples and rounds, nearly all of them well already.
        if _are_floats(data, parts[0]) or _are_integers(data, parts[0]):
            return tuple(data)
        return tuple(map(_decoder(parts[0]), data))
    if len(parts) != len(data):
        raise ValueError(f"{_brief(data)} isn't {len(parts)} values")
    return tuple(_decoder(part)(item) for item, part in zip(data, parts, strict=True))


def _are_floats(data: list[Any], kind: Any) -> bool:
    """Whether values are to be floats, and are."""
    return kind is float and set(map(type, data)) == {float}


def _are_integers(data: list[Any], kind: Any) -> bool:
    """Whether values are to be integers, and are of 64 bits."""
    well = kind is int and set(map(type, data)) == {int}
    return well and -_BEYOND <= min(data) and max(data) < _BEYOND


def _decode_record(data: Any, kinds: tuple[Any, ...] = ()) -> Any:
    """kinds: the classes that it may be of; any where there are none."""
    cls = _class_of(data)
    if cls is None:
        kind = data.get("type") if isinstance(data, dict) else data
        raise RunFolderError(f"unknown record type {_brief(kind)}")
    if kinds and cls not in kinds:
        raise RunFolderError(f"a {cls.__name__} where none belongs")
    decoders = _decoders(cls)
    values = {key: value for key, value in data.items() if key != "type"}
    unknown = values.keys() - decoders.keys()
    if unknown:
        raise RunFolderError(
            f"{cls.__name__} has no field {', '.join(sorted(unknown))}: the run was written by "
            "another version of opbench"
        )
    try:
        return cls(**{key: decoders[key](value) for key, value in values.items()})
    except (OverflowError, TypeError, ValueError) as error:
        raise RunFolderError(f"{cls.__name__} cannot be read: {error}") from error


def _class_of(data: Any) -> type | None:
    """The class that an object names; None where there is none."""
    kind = data.get("type") if isinstance(data, dict) else None
    return _CLASSES.get(kind) if isinstance(kind, str) else None


@functools.cache
def _decoders(cls: type) -> dict[str, Callable[[Any], Any]]:
    """What makes the values of a class's fields, by their annotations."""
    return {name: _decoder(hint) for name, hint in typing.get_type_hints(cls).items()}


def _float(data: Any) -> float:
    """A number, or a text as "inf" and "nan" that stands for one."""
    if isinstance(data, bool) or not isinstance(data, int | float | str):
        raise ValueError(f"{_brief(data)} is no number")
    return float(data)


def _integer(data: Any) -> int:
    """An integer of 64 bits; the nearest, where a declared cost isn't a whole number."""
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise ValueError(f"{_brief(data)} is no integer")
    if not -_BEYOND <= data < _BEYOND:
        raise ValueError(f"{_brief(data)} is beyond 64 bits")
    return round(data)


def _text(data: Any) -> str:
    """A text, its lone surrogates escaped."""
    if not isinstance(data, str):
        raise ValueError(f"{_brief(data)} is no text")
    return data if data.isascii() else data.encode("utf-8", "backslashreplace").decode()


def _choice(data: Any, choices: tuple[str, ...]) -> str:
    """One of the values of a Literal."""
    if data not in choices:
        raise ValueError(f"{_brief(data)} is none of {', '.join(map(repr, choices))}")
    return str(data)


def _axis_value(data: Any) -> case.AxisValue:
    """The value of an axis, of any of its types."""
    if isinstance(data, bool | float):
        return data
    if isinstance(data, int):
        return data if -_BEYOND <= data < _BEYOND else str(data)
    return _text(data)


def _brief(data: Any) -> str:
    """A value of any length, cut short for a message."""
    text = repr(data)
    return text if len(text) <= 60 else f"{text[:57]}..."


#: The first integer that 64 bits don't hold.
_BEYOND = 1 << 63
#: The types of an axis value.
_AXIS = {int, float, str, bool}
#: Readers of scalars by their annotation.
_SCALARS = {float: _float, int: _integer, str: _text}
