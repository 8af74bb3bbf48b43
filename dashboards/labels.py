"""Names for cases, lines and folders: short, distinct where they must be, and stable."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from opbench.results.records import Case

#: The fields in which cases of an op may differ, in the order of a label.
_FIELDS = ("inputs", "direction", "dtype", "layout", "device", "cache", "board")
#: Fields that stand in a label with their names.
_NUMBERS = ("threads", "seed")
#: Longest name of a folder that is left as it is; file systems allow 255 bytes.
_LONGEST = 80


def labels(cases: Iterable[Case]) -> Mapping[Case, str]:
    """A name for each case of one op: its shape, and the fields that aren't the same in all.

    Where two would have the same name, their sizes stand beside it.
    """
    cases = list(dict.fromkeys(cases))
    short = {case: " ".join((case.shape, *_differing(case, cases))) for case in cases}
    count = Counter(short.values())
    return {
        case: label if count[label] == 1 else f"{label} ({case.sizes})"
        for case, label in short.items()
    }


def series_of(case: Case) -> Case:
    """The common part of the cases of one line: all but the numbers that make up the size.

    An axis that is text or a switch is an option of the op rather than a size.
    """
    options = tuple((k, v) for k, v in case.axes if isinstance(v, str | bool))
    return replace(case, shape="", axes=options, seed=0)


def series_labels(cases: Iterable[Case]) -> Mapping[Case, str]:
    """A name for the line of each case of one op; always with the direction and the dtype."""
    cases = list(dict.fromkeys(cases))
    series = [series_of(case) for case in cases]
    names = names_of_series(series)
    return {case: names[mine] for case, mine in zip(cases, series, strict=True)}


def names_of_series(series: Iterable[Case]) -> Mapping[Case, str]:
    """A name for each common part of the cases of a line; as `series_labels`."""
    parts = list(dict.fromkeys(series))
    return {mine: " ".join(filter(None, _series_parts(mine, parts))) or "calls" for mine in parts}


def shortened(text: str, most: int = 18) -> str:
    """`text` with its middle left out where it has more than `most` characters."""
    tail = (most - 1) // 2
    return text if len(text) <= most else f"{text[: most - 1 - tail]}…{text[-tail:]}"


def slug(text: str) -> str:
    """`text` as the name of a folder; where changed it has a hash: "a/b" is "a_b-c14cdd", say."""
    name = re.sub(r"[^\w .=+@-]", "_", text).strip(" .")
    if name == text and name and len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _series_parts(series: Case, others: list[Case]) -> list[str]:
    """The parts of a line's name, empty ones included."""
    differing = _differing(series, others, leave_out=("direction", "dtype"))
    return [series.direction, series.dtype, *differing, series.sizes]


def _differing(case: Case, cases: list[Case], leave_out: tuple[str, ...] = ()) -> list[str]:
    """The values of a case's fields that aren't the same in all cases."""
    fields = [name for name in _FIELDS if name not in leave_out and _varies(name, cases)]
    numbers = [name for name in _NUMBERS if _varies(name, cases)]
    return [getattr(case, name) for name in fields] + [
        f"{name}={getattr(case, name)}" for name in numbers
    ]


def _varies(name: str, cases: list[Case]) -> bool:
    """Whether a field has several values in some cases."""
    return len({getattr(case, name) for case in cases}) > 1
