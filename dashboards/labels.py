"""Names for cases, lines and folders: short, telling apart what they must, and stable."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from opbench.results.records import Case

#: What a case may differ in from another of its op, in the order in which labels tell it.
_FIELDS = ("inputs", "direction", "dtype", "layout", "device", "cache", "board")
_NUMBERS = ("threads", "seed")
#: Longest name of a folder that is kept as it is; file systems allow 255 bytes.
_LONGEST = 80


def labels(cases: Iterable[Case]) -> Mapping[Case, str]:
    """A name for each case of one op: its shape, and what isn't the same in all of them."""
    cases = list(dict.fromkeys(cases))
    found = {case: " ".join((case.shape, *_differing(case, cases))) for case in cases}
    count = Counter(found.values())
    return {
        case: label if count[label] == 1 else f"{label} ({case.sizes})"
        for case, label in found.items()
    }


def series_of(case: Case) -> Case:
    """What the cases of one line have in common: all but the numbers that make up the size.

    An axis that is text or a switch is an option of the op rather than a size.
    """
    options = tuple((k, v) for k, v in case.axes if isinstance(v, str | bool))
    return replace(case, shape="", axes=options, seed=0)


def series_labels(cases: Iterable[Case]) -> Mapping[Case, str]:
    """A name for the line of each case of one op; always tells the direction and the dtype."""
    cases = list(dict.fromkeys(cases))
    series = [series_of(case) for case in cases]
    return {
        case: " ".join(filter(None, _told_of(mine, series))) or "calls"
        for case, mine in zip(cases, series, strict=True)
    }


def slug(text: str) -> str:
    """`text` as the name of a folder; what had to be changed is told apart by a hash."""
    name = re.sub(r"[^\w .=+@-]", "_", text).strip(" .")
    if name == text and name and len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _told_of(series: Case, others: list[Case]) -> list[str]:
    differing = _differing(series, others, leave_out=("direction", "dtype"))
    return [series.direction, series.dtype, *differing, series.sizes]


def _differing(case: Case, cases: list[Case], leave_out: tuple[str, ...] = ()) -> list[str]:
    told = [name for name in _FIELDS if name not in leave_out and _varies(name, cases)]
    numbers = [name for name in _NUMBERS if _varies(name, cases)]
    return [getattr(case, name) for name in told] + [
        f"{name}={getattr(case, name)}" for name in numbers
    ]


def _varies(name: str, cases: list[Case]) -> bool:
    return len({getattr(case, name) for case in cases}) > 1
