"""Records to JSON and back, by the annotations of their classes.

A dataclass becomes an object with its class name under "type". JSON has no NaN or infinity, so a
float that is not finite is written as a string.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import marshal
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
        return _decode_line(text)
    except RecursionError as error:
        raise RunFolderError("nested too deeply for a record of opbench") from error


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


def _decode_line(text: str) -> Any:
    """As `loads`, but for what is nested too deeply."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise TruncatedLineError(f"not whole JSON: {error}") from error
    if not isinstance(data, dict) or _class_of(data) is None:
        raise RunFolderError(f"not a record of opbench: {text[:80]!r}")
    ensure_known(data.get("schema"))
    return _decode_record(data)


@functools.cache
def _decoder(hint: Any) -> Callable[[Any], Any]:
    """Makes the value of an annotation's type of JSON.

    It raises ValueError where that is of another type. What can be found out of the annotation is
    found out here, once: a run has tens of thousands of records.
    """
    if hint in _SCALARS:
        return _SCALARS[hint]
    if hint is case.Case:
        return _decode_case
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return functools.partial(_choice, choices=parts)
    if isinstance(hint, types.UnionType):
        scalar = next((_SCALARS[kind] for kind in parts if kind in _SCALARS), None)
        union = functools.partial(_decode_union, kinds=parts, scalar=scalar)
        return _axis_value if set(parts) == _AXIS else union
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(_decode_record, kinds=(hint,))
    if len(parts) == 2 and parts[1] is Ellipsis:
        return functools.partial(_decode_list, kind=parts[0], decoder=_decoder(parts[0]))
    return functools.partial(_decode_places, decoders=tuple(map(_decoder, parts)))


def _decode_union(data: Any, kinds: tuple[Any, ...], scalar: Callable[[Any], Any] | None) -> Any:
    """The value of one of several types, of which one at most is a scalar's.

    Raises ValueError where it is of none.
    """
    if data is None and types.NoneType in kinds:
        return None
    if isinstance(data, dict):
        return _decode_record(data, kinds)
    if scalar is not None:
        return scalar(data)
    raise ValueError(f"{_brief(data)} is no record")


def _decode_case(data: Any) -> case.Case:
    """A case, one object for all records that have it: there are a score of contenders to each."""
    if not isinstance(data, dict):
        return _decode_new_case(data)
    # Of two cases with equal values of other types (1 and True) these bytes differ.
    return _case_of(marshal.dumps(data, 2))


@functools.lru_cache(maxsize=4096)
def _case_of(content: bytes) -> case.Case:
    """The case of marshalled JSON."""
    return _decode_new_case(marshal.loads(content))


def _decode_new_case(data: Any) -> case.Case:
    """A case by itself."""
    found: case.Case = _decode_record(data, (case.Case,))
    return found


def _decode_list(data: Any, kind: Any, decoder: Callable[[Any], Any]) -> tuple[Any, ...]:
    """A tuple of one type throughout."""
    if not isinstance(data, list):
        raise ValueError(f"{_brief(data)} is no list")
    # A run has millions of samples and rounds, nearly all of them well already.
    if _are_floats(data, kind) or _are_integers(data, kind):
        return tuple(data)
    return tuple(map(decoder, data))


def _decode_places(data: Any, decoders: tuple[Callable[[Any], Any], ...]) -> tuple[Any, ...]:
    """A tuple with a type for each place."""
    if not isinstance(data, list):
        raise ValueError(f"{_brief(data)} is no list")
    if len(decoders) != len(data):
        raise ValueError(f"{_brief(data)} isn't {len(decoders)} values")
    return tuple([decoder(item) for decoder, item in zip(decoders, data, strict=True)])


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
    if not data.keys() <= _known(cls):
        unknown = sorted(data.keys() - _known(cls))
        raise RunFolderError(
            f"{cls.__name__} has no field {', '.join(unknown)}: the run was written by "
            "another version of opbench"
        )
    try:
        values = {key: decoders[key](value) for key, value in data.items() if key != "type"}
        return cls(**values)
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


@functools.cache
def _known(cls: type) -> frozenset[str]:
    """What an object of a class may hold."""
    return frozenset({"type", *_decoders(cls)})


def _float(data: Any) -> float:
    """A number, or a text as "inf" and "nan" that stands for one."""
    if type(data) is float:
        return data
    if isinstance(data, bool) or not isinstance(data, int | float | str):
        raise ValueError(f"{_brief(data)} is no number")
    return float(data)


def _integer(data: Any) -> int:
    """An integer of 64 bits; the nearest, where a declared cost isn't a whole number."""
    if type(data) is not int and type(data) is not float:
        raise ValueError(f"{_brief(data)} is no integer")
    if not -_BEYOND <= data < _BEYOND:
        raise ValueError(f"{_brief(data)} is beyond 64 bits")
    return round(data)


def _boolean(data: Any) -> bool:
    """Yes or no."""
    if not isinstance(data, bool):
        raise ValueError(f"{_brief(data)} is neither true nor false")
    return data


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
_SCALARS: dict[Any, Callable[[Any], Any]] = {
    bool: _boolean,
    float: _float,
    int: _integer,
    str: _text,
}
