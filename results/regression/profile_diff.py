"""What grew between two profiles of a contender: its operators in base and head, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opbench.results.records import Case, OperatorRow, Profile

#: The profiles of a pair, by `Profile.side`.
SIDES = ("base", "head")
#: An operator that a side doesn't call.
_NEVER = OperatorRow(name="", calls=0.0, self_time_s=0.0, total_time_s=0.0, self_bytes=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorChange:
    """One operator in two versions of a contender, per call of the contender.

    status: "new" where only the head calls it, "vanished" where only the base does, "both" else.
    base_s, head_s: seconds of its own. grown_s: by how many more in the head; grown: the same as a
    share of the base's, None where that has none.
    """

    name: str
    status: str
    base_calls: float
    head_calls: float
    base_s: float
    head_s: float
    grown_s: float
    grown: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDiff:
    """A contender's operators on a case in both versions, the one that grew most first.

    base_s, head_s: seconds of all operators together, per call. base_bytes, head_bytes: the most
    that a call held at once. base_trace, head_trace: relative to the run.
    """

    contender: str
    case: Case
    operators: tuple[OperatorChange, ...]
    base_s: float
    head_s: float
    base_bytes: int | None
    head_bytes: int | None
    base_trace: str
    head_trace: str

    def most_changed(self, number: int) -> tuple[OperatorChange, ...]:
        """So many operators whose time changed most either way, in the order of `operators`."""
        ranked = sorted(self.operators, key=lambda change: -abs(change.grown_s))[:number]
        return tuple(change for change in self.operators if change in ranked)


def differences(profiles: Iterable[Profile]) -> tuple[ProfileDiff, ...]:
    """The difference of each contender and case that was profiled in both versions.

    Profiles of no side, and those whose other side is lacking, are left out.
    """
    pairs: dict[tuple[Case, str], dict[str, Profile]] = {}
    for profile in profiles:
        pairs.setdefault((profile.case, profile.contender), {})[profile.side] = profile
    return tuple(
        difference(pair["base"], pair["head"]) for pair in pairs.values() if pair.keys() >= {*SIDES}
    )


def difference(base: Profile, head: Profile) -> ProfileDiff:
    """What grew from one profile of a contender to another of the same case."""
    old, new = _by_name(base), _by_name(head)
    changes = [_change(name, old, new) for name in dict.fromkeys((*new, *old))]
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
    """By which share of the base the head is larger; None where the base is nothing."""
    return (head - base) / base if base else None


def _by_name(profile: Profile) -> Mapping[str, OperatorRow]:
    return {row.name: row for row in profile.operators}


def _change(
    name: str, old: Mapping[str, OperatorRow], new: Mapping[str, OperatorRow]
) -> OperatorChange:
    base, head = old.get(name, _NEVER), new.get(name, _NEVER)
    status = "both" if name in old and name in new else "new" if name in new else "vanished"
    return OperatorChange(
        name=name,
        status=status,
        base_calls=base.calls,
        head_calls=head.calls,
        base_s=base.self_time_s,
        head_s=head.self_time_s,
        grown_s=head.self_time_s - base.self_time_s,
        grown=growth(base.self_time_s, head.self_time_s),
    )
