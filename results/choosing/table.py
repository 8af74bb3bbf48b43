"""The table of choices of an op: what is kept of a choice, so that another program can use it.

One JSON file that people can read: what it is for, how sizes are read off a call, which contenders
it names and of what source they were, and for each situation the rule with the rows that it was
made from.

    "axes": {"B": "tokens.shape[0]", "S": "tokens.shape[1]"},
    "contenders": {"cpp": "3e1c…", "index_add": "9b04…"},
    "sections": [
      {
        "dtype": "float32", "device": "cpu", "direction": "forward", "threads": 2, …
        "regions": {"size": "B*S", "at_most": 4096, "then": "cpp", "else": "index_add"},
        "fallback": "index_add",
        "bounds": {"B": [1, 64], "S": [16, 8192]},
        "regret": {"chosen": {"mean_low_high": [1.01, 1.0, 1.02], "p95": 1.06, …}},
        "measured": [{"shape": "wide", "axes": {"B": 8, "S": 1024}, …}]
      }
    ]

A region is the name of a contender, or a threshold on an axis or a product of axes with a region on
either side of it. A section is for the calls of one dtype, device, number of threads and need of
gradients, whose sizes lie within its bounds; all other calls have the fallback of the first one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opbench.results.choosing.choice import Choice
from opbench.results.choosing.regret import Regret
from opbench.results.choosing.rules import Leaf, Rule, contenders_of
from opbench.results.choosing.situations import Row, Situation
from opbench.results.records import Environment

#: Version of the file. History:
#: 1  first version.
SCHEMA = 1
#: A value that fits into a line of this file stands in one.
_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The choice for one situation."""

    situation: Situation
    rule: Rule
    #: What runs outside of the measured sizes.
    fallback: str
    #: The least and the largest size that was measured, by axis.
    bounds: Mapping[str, tuple[float, float]]

    @property
    def measured(self) -> str:
        """What was measured, in a few words."""
        sizes = (
            f"{axis}={low:g}" if low == high else f"{axis} {low:g} to {high:g}"
            for axis, (low, high) in self.bounds.items()
        )
        return f"{self.situation.label}: {', '.join(sizes)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The choices for an op, as a file holds them."""

    op: str
    #: The fingerprint of the op's contract.
    contract: str
    environment: Environment
    #: By axis, how it is read off a call: "tokens.shape[1]".
    reads: Mapping[str, str]
    #: The tensor whose dtype and device are those of a call.
    tensor: str
    #: The fingerprint of the source of each contender that may run.
    contenders: Mapping[str, str]
    sections: tuple[Section, ...]

    @property
    def fallback(self) -> str:
        """What runs in situations that the table doesn't have."""
        return self.sections[0].fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a table is for and made by, beside its choices."""

    contract: str
    environment: Environment
    reads: Mapping[str, str]
    tensor: str
    #: By contender.
    fingerprints: Mapping[str, str]
    #: The ids of the runs.
    runs: tuple[str, ...]


def used(choices: Iterable[Choice]) -> tuple[str, ...]:
    """The contenders that may run by some choices, in order of their names."""
    names = {name for c in choices for name in (*contenders_of(c.rule), c.fallback)}
    return tuple(sorted(names))


def table_text(choices: Iterable[Choice], origin: Provenance) -> str:
    """The file of the choices for one op, at least one."""
    choices = tuple(choices)
    document = {
        "schema": SCHEMA,
        "op": choices[0].situation.op,
        "contract": origin.contract,
        "environment": {
            "key": origin.environment.key,
            "facts": dict(origin.environment.stable),
        },
        "runs": list(origin.runs),
        "tensor": origin.tensor,
        "axes": dict(origin.reads),
        "contenders": {name: origin.fingerprints[name] for name in used(choices)},
        "sections": [section(choice) for choice in choices],
    }
    return _readable(document) + "\n"


def section(choice: Choice) -> dict[str, Any]:
    """The choice for one situation, as the file has it."""
    situation = choice.situation
    names = ("dtype", "device", "direction", "inputs", "threads", "layout", "cache", "board")
    return {
        **{name: getattr(situation, name) for name in names},
        "fixed": dict(situation.fixed),
        "method": choice.method,
        "regions": _rule(choice.rule),
        "fallback": choice.fallback,
        "bounds": {axis: [_size(low), _size(high)] for axis, (low, high) in choice.bounds.items()},
        "regret": {name: _regret(regret) for name, regret in choice.regrets.items()},
        "left_out": dict(choice.left_out),
        "measured": [_row(row, choice.contenders) for row in choice.rows],
    }


def _rule(rule: Rule) -> Any:
    """A contender's name, or a threshold with what runs on either side of it."""
    if isinstance(rule, Leaf):
        return rule.contender
    return {
        "size": rule.feature,
        "at_most": _size(rule.at),
        "then": _rule(rule.below),
        "else": _rule(rule.above),
    }


def _row(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """A shape with the seconds of each contender, and the interval of its ratio to the best."""
    times = {
        name: [_short(row.times[name].time_s), *map(_short, _ends(row, name))]
        for name in names
        if not row.times[name].is_implied
    }
    axes = {axis: _size(size) for axis, size in row.axes.items()}
    return {"shape": row.shape, "axes": axes, "time_s_ratio_low_high": times}


def _ends(row: Row, name: str) -> tuple[float, float, float]:
    """The ratio of a contender to the best, and the ends of its interval."""
    ratio = row.times[name].ratio
    return ratio.value, ratio.low, ratio.high


def _regret(regret: Regret) -> dict[str, Any]:
    """A regret, with as many digits as it is known to."""
    mean = (regret.mean.value, regret.mean.low, regret.mean.high)
    others = {"p95": _short(regret.p95), "worst": _short(regret.worst), "shapes": regret.shapes}
    return {"mean_low_high": list(map(_short, mean)), **others}


def _size(value: float) -> float | int:
    """A size as people write it."""
    return int(value) if float(value).is_integer() else value


def _short(value: float) -> float | None:
    """Four digits; None for what isn't known."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _readable(value: object, depth: int = 0) -> str:
    """JSON in which what fits into a line stands in one."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(line) + 2 * depth <= _WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}: {_readable(v, depth + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(f"{inner}{part}" for part in parts) + f"\n{outer}}}"
    parts = [_readable(item, depth + 1) for item in value]
    return "[\n" + ",\n".join(f"{inner}{part}" for part in parts) + f"\n{outer}]"
