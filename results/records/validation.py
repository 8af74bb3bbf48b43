"""Rules for the lines of a run beyond their types, on which all that reads them can rely.

Apart from the reading of lines (`opbench.results.records.codec`), as records also travel without
their samples.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from opbench.results.errors import RunFolderError
from opbench.results.records.comparison import (
    Calibration,
    Gate,
    GateRules,
    Paired,
    Uncompared,
    Unit,
)
from opbench.results.records.explanation import Explanation
from opbench.results.records.machine import Ceilings
from opbench.results.records.outcome import Measured, Profile, Record
from opbench.results.records.run import Line, RunInfo

#: Seconds that a call can take: what is shorter than light needs for a micrometre, or longer than
#: thirty years, is no measurement, and would overflow what is computed of it.
SHORTEST_S, LONGEST_S = 1e-15, 1e9


def is_time(value: float) -> bool:
    """Whether a call can take so many seconds; not of NaN.

    Between SHORTEST_S and LONGEST_S.
    """
    return SHORTEST_S < value < LONGEST_S


def ensure_sound(line: Line) -> None:
    """Raise RunFolderError where a value of a line can't be, as a time that isn't positive."""
    for is_well, fault in _conditions(line):
        if not is_well:
            raise RunFolderError(f"{type(line).__name__} cannot be used: {fault}")


def is_sound(line: Line) -> bool:
    """Whether a line holds nothing that can't be."""
    return all(is_well for is_well, _ in _conditions(line))


#: The options in a run's settings whose values aren't texts.
_LISTS = frozenset({"names", "load", "shape", "shapes", "sweep"})
_NUMBERS = frozenset({"threads", "seed", "processes", "budget", "precision", "tie"})


def ensure_usable(info: RunInfo) -> None:
    """Raises RunFolderError where races can't be decided by a run's rules, or its options read.

    A head that other programs or people have changed may hold a tolerance below 0, or a number of
    threads that is a text.
    """
    rules = info.rules
    if not (0 <= rules.tie < math.inf and 0 < rules.precision < math.inf and 0 < rules.error < 1):
        raise RunFolderError(f"no race can be decided by {rules}")
    for name, text in info.settings:
        try:
            is_well = _is_option(name, json.loads(text))
        except (RecursionError, ValueError):
            is_well = False
        if not is_well:
            raise RunFolderError(f"its setting {name!r} can't be {text[:40]!r}")


def _is_option(name: str, value: object) -> bool:
    """Whether a value is of the type that an option of that name has."""
    if name in _LISTS:
        return value is None or (isinstance(value, list) and all(isinstance(v, str) for v in value))
    if name in _NUMBERS:
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    values = value if isinstance(value, list) else [value]
    return all(isinstance(item, str | int | float | None) for item in values)


def _conditions(line: Line) -> Iterable[tuple[bool, str]]:
    """The conditions of a line, each with the fault where it isn't met."""
    match line:
        case Record(outcome=Measured() as measured):
            return _of_measured(measured)
        case Unit(number=number, times=times, injected=injected):
            well = number >= 0 and math.isfinite(injected)
            return ((well, "its number can't be"), *_of_paired(times))
        case Uncompared(outcome=outcome):
            sides = (outcome.base, outcome.head)
            return [c for side in sides if isinstance(side, Measured) for c in _of_measured(side)]
        case Gate(rules=rules):
            return _of_gate_rules(rules)
        case Profile():
            return _of_profile(line)
        case Explanation():
            return _of_explanation(line)
        case Ceilings():
            return _of_ceilings(line)
        case Calibration():
            return _of_calibration(line)
        case _:
            return ()


def _of_profile(profile: Profile) -> Iterable[tuple[bool, str]]:
    """Numbers that are some; work that can be."""
    rows = (
        (row.calls, row.self_time_s, row.total_time_s, row.self_bytes, row.flops)
        for row in profile.operators
    )
    well = all(math.isfinite(number) for row in rows for number in row)
    yield well, "an operator's numbers are not finite"
    if profile.work is not None:
        work = profile.work
        amounts = (
            work.flops,
            work.bytes or 0,
            work.outside or 0,
            work.declared_flops,
            work.declared_bytes,
        )
        yield all(0 <= amount < math.inf for amount in amounts), "negative work"


def _of_measured(measured: Measured) -> Iterable[tuple[bool, str]]:
    """A value for each sample, all of them times; calls and work that can be."""
    count = len(measured.samples_s)
    per_sample = (measured.rounds, measured.units, measured.device_s)
    return (
        (count > 0, "it has no samples"),
        (all(map(is_time, (*measured.samples_s, *measured.device_s))), "a sample is no time"),
        (all(len(item) in (0, count) for item in per_sample), "not one value per sample"),
        (measured.calls > 0, "its blocks have no calls"),
        (min(measured.flops, measured.bytes, measured.peak_bytes or 0) >= 0, "negative work"),
    )


def _of_paired(times: Paired) -> Iterable[tuple[bool, str]]:
    """As many times of the base as of the head, one at least."""
    return (
        (0 < len(times.base_s) == len(times.head_s), "its rounds aren't pairs"),
        (all(map(is_time, (*times.base_s, *times.head_s))), "a sample is no time"),
    )


def _of_gate_rules(rules: GateRules) -> Iterable[tuple[bool, str]]:
    """Probabilities between 0 and 1, and a slowdown above 0."""
    chances = 0 < rules.alpha < 1 and 0 < rules.miss < 1
    return ((chances and 0 < rules.min_slowdown < math.inf, f"no gate decides by {rules}"),)


def _of_ceilings(ceilings: Ceilings) -> Iterable[tuple[bool, str]]:
    """Rising sizes, and rates that can be divided by."""
    sizes = [size for size, _ in ceilings.memory]
    rates = [rate for _, rate in (*ceilings.memory, *ceilings.matmul)]
    numbers = (ceilings.dispatch_s, *sizes, *rates)
    return (
        (sizes == sorted(set(sizes)), "sizes that don't rise"),
        (all(0 < number < math.inf for number in numbers), "a number can't be divided by"),
    )


def _of_calibration(calibration: Calibration) -> Iterable[tuple[bool, str]]:
    """Counts that are parts of their totals, and finite numbers."""
    counts = (
        (calibration.sessions, (calibration.failed, calibration.void, calibration.inconclusive)),
        *((power.sessions, (power.found,)) for power in calibration.powers),
    )
    well = all(whole > 0 and 0 <= part <= whole for whole, parts in counts for part in parts)
    spreads = (spread for _, spread in calibration.spreads)
    numbers = (*(p.slowdown for p in calibration.powers), *spreads)
    return (
        (well, "not so many sessions"),
        (all(map(math.isfinite, numbers)), "a number is not finite"),
        *_of_gate_rules(calibration.rules),
    )


def _of_explanation(line: Explanation) -> Iterable[tuple[bool, str]]:
    """Times that can be, a ratio within its interval, and finite numbers."""
    both = (line.slower, line.faster)
    uses = [use for one in both for use in one.operators]
    numbers = [n for use in uses for n in (use.calls, use.self_time_s, use.allocated_bytes)]
    numbers += [use.page_faults or 0.0 for use in uses]
    numbers += [value for one in both for _, value in one.figures]
    numbers += [n for cause in line.causes for n in (cause.seconds, cause.share)]
    return (
        (all(is_time(one.time_s) for one in both), "a time is none"),
        (0 <= line.low <= line.ratio <= line.high, "its ratio lies beyond its interval"),
        (all(map(math.isfinite, (*numbers, line.unexplained))), "a number is not finite"),
    )
