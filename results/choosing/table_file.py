"""Read a table of choices: whatever isn't as it was written is refused, with the place.

A table is used by programs that serve people, and becomes code: an expression that reads an axis is
an argument's length and nothing else, the names in regions are those of the table's contenders, and
its facts are those that its key was made of. That it is for what is here is another question, which
`opbench.harness.choosing.current` answers: it takes the catalogue and the machine.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from opbench.results.choosing.features import exponents_of
from opbench.results.choosing.rules import Leaf, Rule, Split, contenders_of, features_of
from opbench.results.choosing.situations import Situation
from opbench.results.choosing.table import SCHEMA, Section, Table
from opbench.results.errors import TableError
from opbench.results.records import Environment

#: The deepest nesting of regions that is read.
_DEEPEST = 40
#: What an expression that reads an axis is made of; it becomes code.
_READ = re.compile(
    r"(len\([A-Za-z_]\w*\)|[A-Za-z_]\w*(\[\d+\])?(\.shape\[\d+\])?)"
    r"( // ([A-Za-z_]\w*(\[\d+\])?(\.shape\[\d+\])?|\d+))*",
    re.ASCII,
)
_TENSOR = re.compile(r"([A-Za-z_]\w*(\[0\])?)?", re.ASCII)
_DIRECTIONS = ("forward", "backward", "both")
#: The fields of a section that are texts.
_TEXTS = ("dtype", "device", "direction", "inputs", "layout", "cache", "board")


def read_table(path: str | Path) -> Table:
    """The table in a file. Raises TableError, which names the file and the place, for any other."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TableError(f"{path} cannot be read: {reason}") from error
    try:
        return parse_table(text)
    except TableError as error:
        raise TableError(f"{path} is no table of choices: {error}") from error


def parse_table(text: str) -> Table:
    """The table of a file's content. Raises TableError, which names the place."""
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise TableError("nested too deeply") from error
    except ValueError as error:
        raise TableError(f"not whole JSON, it may be cut off: {error}") from error
    document = _mapping(data, "the file")
    schema = _field(document, "schema", "the file")
    if schema != SCHEMA or isinstance(schema, bool):
        raise TableError(f"schema {schema!r}: this opbench reads {SCHEMA}; write it anew")
    contenders = {
        name: _text(value, f"contenders.{name}")
        for name, value in _mapping(_field(document, "contenders"), "contenders").items()
    }
    table = Table(
        op=_text(_field(document, "op"), "op"),
        contract=_text(_field(document, "contract"), "contract"),
        environment=_environment(_mapping(_field(document, "environment"), "environment")),
        reads=_reads(_mapping(_field(document, "axes"), "axes")),
        tensor=_matching(_field(document, "tensor"), "tensor", _TENSOR),
        contenders=contenders,
        sections=tuple(
            _section(_mapping(item, f"sections[{n}]"), f"sections[{n}]", document, contenders)
            for n, item in enumerate(_list(_field(document, "sections"), "sections"))
        ),
    )
    _ensure_whole(table)
    return table


def _ensure_whole(table: Table) -> None:
    """Raise TableError where parts of a table don't go together."""
    if not table.sections:
        raise TableError("sections: there is none")
    keys = [_key(section.situation) for section in table.sections]
    if len(set(keys)) < len(keys):
        raise TableError("sections: two are for one kind of call")
    boards = {section.situation.board for section in table.sections}
    if len(boards) > 1:
        raise TableError(f"sections: of several output modes: {', '.join(sorted(boards))}")
    named = {n for s in table.sections for n in (*contenders_of(s.rule), s.fallback)}
    if unused := sorted(set(table.contenders) - named):
        raise TableError(f"contenders: no region names {', '.join(unused)}")


def _key(situation: Situation) -> tuple[object, ...]:
    """What of a situation a call can tell."""
    gradient = situation.direction != "forward"
    return (situation.dtype, situation.device, gradient, situation.threads, situation.fixed)


def _section(
    data: Mapping[str, Any], where: str, document: Mapping[str, Any], contenders: Mapping[str, str]
) -> Section:
    """A section, whose parts go together."""
    texts = {name: _text(_field(data, name, where), f"{where}.{name}") for name in _TEXTS}
    if texts["direction"] not in _DIRECTIONS:
        raise TableError(f"{where}.direction: {texts['direction']!r} is no pass")
    threads = _field(data, "threads", where)
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise TableError(f"{where}.threads: {threads!r} is no number of threads")
    fixed = _mapping(_field(data, "fixed", where), f"{where}.fixed")
    situation = Situation(
        op=str(document["op"]),
        threads=threads,
        fixed=tuple((axis, _option(value, f"{where}.fixed")) for axis, value in fixed.items()),
        **texts,  # type: ignore[arg-type]
    )
    bounds = _bounds(data, where)
    rule = _rule(_field(data, "regions", where), f"{where}.regions", contenders, _DEEPEST)
    fallback = _name(_field(data, "fallback", where), f"{where}.fallback", contenders)
    reads = _mapping(document.get("axes"), "axes")
    for feature in features_of(rule):
        for axis in exponents_of(feature):
            if axis not in reads or axis not in bounds:
                raise TableError(f"{where}.regions: {feature!r} isn't made of the table's axes")
    if not _list(_field(data, "measured", where), f"{where}.measured"):
        raise TableError(f"{where}.measured: there is nothing that it rests on")
    _ensure_measured(data["measured"], f"{where}.measured", bounds)
    _mapping(_field(data, "regret", where), f"{where}.regret")
    return Section(situation=situation, rule=rule, fallback=fallback, bounds=bounds)


def _bounds(data: Mapping[str, Any], where: str) -> dict[str, tuple[float, float]]:
    """The measured sizes by axis, each from its least to its largest."""
    found = {}
    for axis, ends in _mapping(_field(data, "bounds", where), f"{where}.bounds").items():
        place = f"{where}.bounds.{axis}"
        if len(_list(ends, place)) != 2:
            raise TableError(f"{place}: not two sizes")
        low, high = (_number(end, place) for end in ends)
        if low > high:
            raise TableError(f"{place}: {low} is above {high}")
        found[axis] = (low, high)
    return found


def _ensure_measured(
    rows: list[Any], where: str, bounds: Mapping[str, tuple[float, float]]
) -> None:
    """Raise TableError where rows lack what a table is checked by, or lie outside of its bounds."""
    for number, item in enumerate(rows):
        place = f"{where}[{number}]"
        row = _mapping(item, place)
        times = _mapping(
            _field(row, "time_s_ratio_low_high", place), f"{place}.time_s_ratio_low_high"
        )
        if not times:
            raise TableError(f"{place}: no contender was timed")
        for name, values in times.items():
            if len(_list(values, f"{place}.{name}")) != 4:
                raise TableError(f"{place}.{name}: not a time, a ratio and its interval")
            if _number(values[0], f"{place}.{name}") <= 0:
                raise TableError(f"{place}.{name}: {values[0]!r} is no time")
        axes = _mapping(_field(row, "axes", place), f"{place}.axes")
        if set(axes) != set(bounds):
            raise TableError(f"{place}.axes: not those of the bounds")
        for axis, size in axes.items():
            if not bounds[axis][0] <= _number(size, f"{place}.axes.{axis}") <= bounds[axis][1]:
                raise TableError(f"{place}.axes.{axis}: {size} is outside of the bounds")


def _rule(data: Any, where: str, contenders: Mapping[str, str], depth: int) -> Rule:
    """A rule whose leaves are the table's contenders."""
    if isinstance(data, str):
        return Leaf(_name(data, where, contenders))
    if depth == 0:
        raise TableError(f"{where}: nested too deeply")
    part = _mapping(data, where)
    at = _number(_field(part, "at_most", where), f"{where}.at_most")
    if at < 0:
        raise TableError(f"{where}.at_most: {at} is no size")
    return Split(
        feature=_feature(part, where),
        at=at,
        below=_rule(_field(part, "then", where), f"{where}.then", contenders, depth - 1),
        above=_rule(_field(part, "else", where), f"{where}.else", contenders, depth - 1),
    )


def _feature(part: Mapping[str, Any], where: str) -> str:
    """What a threshold is of."""
    text = _text(_field(part, "size", where), f"{where}.size")
    try:
        exponents_of(text)
    except ValueError as error:
        raise TableError(f"{where}.size: {error}") from error
    return text


def _environment(data: Mapping[str, Any]) -> Environment:
    """The environment; its key has to be that of its facts."""
    key = _text(_field(data, "key", "environment"), "environment.key")
    facts = _mapping(_field(data, "facts", "environment"), "environment.facts")
    stable = {
        name: _text(value, f"environment.facts.{name}", empty=True) for name, value in facts.items()
    }
    text = "\n".join(f"{name}={value}" for name, value in sorted(stable.items()))
    if hashlib.sha256(text.encode()).hexdigest()[:12] != key:
        raise TableError(f"environment.facts: they aren't those of the key {key}")
    return Environment(key, tuple(stable.items()))


def _reads(data: Mapping[str, Any]) -> dict[str, str]:
    """How axes are read: expressions that do nothing else."""
    return {axis: _matching(text, f"axes.{axis}", _READ) for axis, text in data.items()}


def _field(data: Mapping[str, Any], name: str, where: str = "the file") -> Any:
    """A field that has to be there."""
    if name not in data:
        raise TableError(f"{where} lacks {name!r}")
    return data[name]


def _checked(value: Any, where: str, test: Callable[[Any], bool], what: str) -> Any:
    """A value that passes a test; what: in words, what does."""
    if not test(value):
        raise TableError(f"{where}: {str(value)[:40]!r} is not {what}")
    return value


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    """An object of JSON."""
    found: Mapping[str, Any] = _checked(value, where, lambda v: isinstance(v, dict), "an object")
    return found


def _list(value: Any, where: str) -> list[Any]:
    """A list of JSON."""
    found: list[Any] = _checked(value, where, lambda v: isinstance(v, list), "a list")
    return found


def _text(value: Any, where: str, *, empty: bool = False) -> str:
    """A text, not empty unless that is allowed."""
    test: Callable[[Any], bool] = lambda v: isinstance(v, str) and bool(v or empty)  # noqa: E731
    return str(_checked(value, where, test, "a text"))


def _matching(value: Any, where: str, pattern: re.Pattern[str]) -> str:
    """A text that a pattern fits."""
    text = _text(value, where, empty=True)
    return str(_checked(text, where, lambda v: pattern.fullmatch(v) is not None, "read off a call"))


def _name(value: Any, where: str, contenders: Mapping[str, str]) -> str:
    """The name of one of the table's contenders."""
    text = _text(value, where)
    if text not in contenders:
        raise TableError(f"{where}: there is no contender {text!r} in the table")
    return text


def _number(value: Any, where: str) -> float:
    """A finite number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(_checked(value, where, lambda v: is_number and math.isfinite(v), "a number"))


def _option(value: Any, where: str) -> str | bool:
    """The value of an option that is no number."""
    found: str | bool = _checked(value, where, lambda v: isinstance(v, str | bool), "an option")
    return found


def _no_constant(name: str) -> float:
    """Refuse NaN and infinity, which Python would read."""
    raise ValueError(f"{name} is no number of JSON")
