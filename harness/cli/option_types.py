"""Types of options: durations, sizes, numbers, shares, names. No torch.

Each parser takes the text of a value, and raises argparse.ArgumentTypeError, which says what is
valid, if it isn't one.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from opbench.harness.system.cores import usable_cores
from opbench.results.errors import SelectionError
from opbench.results.store.attempts import MOST_PARTS

_SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
#: The least duration that a timer resolves, and a week.
_SHORTEST_S, _LONGEST_S = 1e-3, 7 * 24 * 3600.0
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
#: Sizes of memory: less holds no tensor, and more no machine has.
_SMALLEST, _LARGEST = 1 << 20, 1 << 50
_LARGEST_RATIO = 100.0
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_DURATION = re.compile(rf"{_NUMBER}(?:e(-?\d+))?\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_SIZE = re.compile(rf"{_NUMBER}\s*([kmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
#: torch keeps seeds in 64 bits with a sign, and adds 1 for another generator.
LARGEST_SEED = 2**63 - 2


def duration(text: str) -> float:
    """Seconds, from "90", "90s", "500ms", "10m" or "1h"."""
    parts = _DURATION.fullmatch(text.strip())
    unit = _SECONDS.get(parts[3].lower()) if parts else None
    value = float(f"{parts[1]}e{parts[2] or 0}") * unit if parts and unit else math.nan
    if not _SHORTEST_S <= value <= _LONGEST_S:
        raise _invalid(text, "a duration such as 500ms, 90s, 10m or 1h, from 1ms to 168h")
    return value


def as_duration(seconds: float) -> str:
    """A duration of at least so many seconds, as an option takes it: "8s", "25s", "3m"."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds > 60:
        return f"{math.ceil(seconds / 60)}m"
    step = 5 if seconds > 20 else 1
    return f"{step * math.ceil(seconds / step)}s"


def size(text: str) -> int:
    """Bytes, from "8G", "512MiB", "1.5GiB" or a number of bytes; units are powers of 1024."""
    parts = _SIZE.fullmatch(text.strip())
    value = float(parts[1]) * _BYTES[parts[2].lower()] if parts else 0.0
    if not _SMALLEST <= value <= _LARGEST:
        raise _invalid(text, "a size such as 512M, 8G or 1.5GiB, from 1M to 1024T")
    return int(value)


def share(text: str) -> float:
    """A share between 0 and 1, from "3%" or "0.03"."""
    number = text.strip()
    try:
        value = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise _invalid(text, "a share between 0 and 1, such as 3% or 0.03")
    return value


def ratio(text: str) -> float:
    """A ratio of at least 1, from "1.02" or "1.02x"."""
    try:
        value = float(text.strip().removesuffix("x"))
    except ValueError:
        value = math.nan
    if not 1 <= value <= _LARGEST_RATIO:
        raise _invalid(text, "a ratio such as 1.02, from 1 to 100")
    return value


def shares(text: str) -> tuple[float, ...]:
    """Shares by commas, each as `share`."""
    return tuple(map(share, text.split(",")))


def part(text: str) -> tuple[int, int]:
    """A share of several and their number, from "3/8": the third of eight."""
    index, _, many = (piece.strip() for piece in text.partition("/"))
    if index.isdecimal() and many.isdecimal() and 1 <= int(index) <= int(many) <= MOST_PARTS:
        return int(index), int(many)
    raise _invalid(text, "a part such as 3/8, the third of eight, from 1/1")


def count(least: int, most: int) -> Callable[[str], int]:
    """The parser of a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        """The number. Raises ArgumentTypeError for any other text."""
        number = text.strip()
        # Of more digits than any bound has Python would take long to make a number.
        if re.fullmatch(r"[+-]?\d{1,20}", number, re.ASCII) and least <= int(number) <= most:
            return int(number)
        raise _invalid(text, f"a whole number from {least} to {most}")

    return parse


def threads(text: str) -> int:
    """A number of threads: more than cores are allowed, but not absurdly many."""
    return count(1, max(64, 4 * usable_cores()))(text)


def jobs(text: str) -> int:
    """A number of processes side by side, each of which imports torch."""
    return count(1, max(8, 4 * usable_cores()))(text)


def names(text: str) -> tuple[str, ...]:
    """Names by commas, each once, without the spaces around them."""
    parts = [name.strip() for name in text.split(",")]
    if not all(parts):
        raise _invalid(text, "names by commas, none of them empty")
    return tuple(dict.fromkeys(parts))


def absolute(text: str) -> str:
    """A path that holds in any folder: a run may be resumed there."""
    return str(Path(text).resolve())


def served_shapes(text: str) -> list[str]:
    """The shapes of a file, each after the name of its op, the most served first."""
    from opbench.results.choosing.served import most_served, read_served

    try:
        served = most_served(read_served(Path(text), "the file"))
    except (SelectionError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return [f"{op} {shape}" for op, shape in served]


def recorded_shapes(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The ops and shapes that such texts stand for."""
    return tuple((op, shape) for op, _, shape in (text.partition(" ") for text in texts))


def _invalid(text: str, valid: str) -> argparse.ArgumentTypeError:
    """The error for a text that isn't valid, shortened where it is long."""
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    return argparse.ArgumentTypeError(f"invalid value {shown!r}: give {valid}")
