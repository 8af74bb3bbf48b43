"""What came of a gate: read from its folder, with the changes that were accepted beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results import gating
from results.errors import RunFolderError
from results.gating import Finding
from results.record import Failed, Gate, Uncompared, Unit, Unsupported, Wrong
from results.store import RunFolder
from results.triage import Accepted, accepting


@dataclass(frozen=True, slots=True)
class Report:
    """findings: of each contender and case that was compared. uncompared: of the others.

    nulls: of the base against itself. accepted: by the finding, or by what wasn't compared, the
    entry that accepts it. unused: entries that accept nothing that was seen.
    """

    gate: Gate
    findings: tuple[Finding, ...]
    uncompared: tuple[Uncompared, ...]
    nulls: tuple[Finding, ...]
    accepted: tuple[tuple[Finding | Uncompared, Accepted], ...] = ()
    unused: tuple[Accepted, ...] = ()

    @property
    def is_void(self) -> bool:
        """Whether the base differs from itself, so that nothing here is to be believed."""
        return gating.is_void(self.nulls)

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """The findings that nobody has accepted."""
        taken = [item for item, _ in self.accepted]
        return tuple(found for found in self.findings if found not in taken)

    @property
    def open_uncompared(self) -> tuple[Uncompared, ...]:
        """What wasn't compared, wasn't accepted, and isn't simply new or unsupported."""
        taken = [item for item, _ in self.accepted]
        return tuple(
            item
            for item in self.uncompared
            if item not in taken and item.status != "new" and not is_idle(item)
        )


def report_of(folder: RunFolder, accepted: Sequence[Accepted] = ()) -> Report:
    """The report of a gate's folder. Raises RunFolderError where it isn't a gate's."""
    lines = tuple(folder.lines())
    gates = [line for line in lines if isinstance(line, Gate)]
    if not gates:
        raise RunFolderError(f"{folder.path} is not of a gate; make one with `opbench gate`")
    rules = gates[-1].rules
    units = [line for line in lines if isinstance(line, Unit)]
    found = gating.findings(units, rules)
    uncompared = tuple(line for line in lines if isinstance(line, Uncompared))
    items: list[Finding | Uncompared] = [*found, *uncompared]
    taken = [(item, entry) for item in items if (entry := _accepted(item, accepted)) is not None]
    used = [entry for _, entry in taken]
    return Report(
        gates[-1],
        found,
        uncompared,
        gating.nulls(units, rules),
        tuple(taken),
        tuple(entry for entry in accepted if entry not in used),
    )


def is_idle(item: Uncompared) -> bool:
    """Whether it runs in neither version, and says itself that it doesn't run here."""
    outcomes = (item.outcome.base, item.outcome.head)
    return all(isinstance(outcome, Unsupported) for outcome in outcomes)


def is_wrong(item: Uncompared) -> bool:
    """Whether the head gives wrong results."""
    return isinstance(item.outcome.head, Wrong)


def is_broken(item: Uncompared) -> bool:
    """Whether the head fails where the base runs."""
    return isinstance(item.outcome.head, Failed) and item.outcome.base is None


def _accepted(item: Finding | Uncompared, entries: Sequence[Accepted]) -> Accepted | None:
    if isinstance(item, Finding):
        change, slowdown = item.verdict, item.ratio.value - 1
    else:
        change, slowdown = item.status, None
    return accepting(
        entries,
        op=item.case.op,
        contender=item.contender,
        case=item.case,
        change=change,
        slowdown=slowdown,
    )
