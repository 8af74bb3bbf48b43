"""The difference between two profiles of a contender: its operators in base and head."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from opbench.results.records import SIDES, Case, OperatorRow, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorChange:
    """One operator in two versions of a contender, per call of the contender."""

    name: str
    #: Called by the head alone, by the base alone, or by both.
    status: Literal["new", "vanished", "both"]
    base_calls: float
    head_calls: float
    #: Seconds of its own.
    base_s: float
    head_s: float
    #: By how many more in the head.
    grown_s: float
    #: The same as a share of the base's; None where that has none.
    grown: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDiff:
    """A contender's operators on a case in both versions."""

    contender: str
    case: Case
    #: The one that grew most first.
    operators: tuple[OperatorChange, ...]
    #: Seconds of all operators together, per call.
    base_s: float
    head_s: float
    #: The most memory that a call held at once.
    base_bytes: int | None
    head_bytes: int | None
    #: The files of the traces, relative to the run.
    base_trace: str
    head_trace: str

    def most_changed(self, number: int) -> tuple[OperatorChange, ...]:
        """So many operators whose time changed most either way, in the order of `operators`."""
        ranked = sorted(self.operators, key=lambda change: -abs(change.grown_s))[:number]
        return tuple(change for change in self.operators if change in ranked)


def differences(profiles: Iterable[Profile]) -> tuple[ProfileDiff, ...]:
    """The difference of each contender and case that was profiled in both versions.

    Profiles of no version, and those whose other version is lacking, are left out.
    """
    pairs: dict[tuple[Case, str], dict[str, Profile]] = {}
    for profile in profiles:
        pairs.setdefault((profile.case, profile.contender), {})[profile.side] = profile
    return tuple(
        difference(pair["base"], pair["head"]) for pair in pairs.values() if pair.keys() >= {*SIDES}
    )


def difference(base: Profile, head: Profile) -> ProfileDiff:
    """The difference from one profile of a contender to another of the same case.

    An operator is identified by its name; of one that a version doesn't call, calls and seconds are
    0.
    """
    old, new = _by_name(base), _by_name(head)
    changes = [_change(name, old.get(name), new.get(name)) for name in dict.fromkeys((*new, *old))]
    return ProfileDiff(
        contender=head.contender,
        case=head.case,
        # Of equals the new ones first: how often something is called isn't noise.
        operators=tuple(
            sorted(changes, key=lambda c: (-c.grown_s, c.base_calls - c.head_calls, c.name))
        ),
        base_s=math.fsum(row.self_time_s for row in base.operators),
        head_s=math.fsum(row.self_time_s for row in head.operators),
        base_bytes=base.peak_bytes,
        head_bytes=head.peak_bytes,
        base_trace=base.trace,
        head_trace=head.trace,
    )


def growth(base: float, head: float) -> float | None:
    """The growth from base to head, as a share of the base; None where that is nothing."""
    return (head - base) / base if base else None


def _by_name(profile: Profile) -> Mapping[str, OperatorRow]:
    """The operators of a profile by their names."""
    return {row.name: row for row in profile.operators}


def _change(name: str, base: OperatorRow | None, head: OperatorRow | None) -> OperatorChange:
    """The change of an operator; None stands for a version that doesn't call it."""
    base_s, head_s = (row.self_time_s if row else 0.0 for row in (base, head))
    return OperatorChange(
        name=name,
        status="vanished" if head is None else "new" if base is None else "both",
        base_calls=base.calls if base else 0.0,
        head_calls=head.calls if head else 0.0,
        base_s=base_s,
        head_s=head_s,
        grown_s=head_s - base_s,
        grown=growth(base_s, head_s),
    )
