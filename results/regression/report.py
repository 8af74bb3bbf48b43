"""What came of a gate: read from its folder, with the changes that were accepted beforehand."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opbench.results.errors import RunFolderError
from opbench.results.records import (
    Calibration,
    Case,
    Gate,
    Uncompared,
    Unit,
)
from opbench.results.records.comparison import is_idle
from opbench.results.records.run_folder import RunFolder
from opbench.results.regression import verdicts
from opbench.results.regression.accepted import NAME, Accepted, accepting, read, unused
from opbench.results.regression.verdicts import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """findings: of each contender and case that was compared. uncompared: of the others.

    nulls: of the base against itself. accepted: by the finding, or by what wasn't compared, the
    entry that accepts it. unused: entries that accept nothing that was seen. settings: those that
    the gate was begun with, as of `RunInfo`. calibration: what is known of gates by these rules on
    this machine. pairs: what fresh pairs say of those whom fresh twins confirmed.
    """

    gate: Gate
    findings: tuple[Finding, ...]
    uncompared: tuple[Uncompared, ...]
    nulls: tuple[Finding, ...]
    accepted: tuple[tuple[Finding | Uncompared, Accepted], ...] = ()
    unused: tuple[Accepted, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    calibration: Calibration | None = None
    pairs: tuple[Finding, ...] = ()

    @property
    def is_void(self) -> bool:
        """Whether the base differs from itself, so that nothing here is to be believed."""
        return verdicts.is_void(self.nulls)

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

    def only(self, is_asked: Callable[[Case], bool]) -> Report:
        """The report of some of the cases; the null arm is of all of them."""
        return replace(
            self,
            findings=tuple(found for found in self.findings if is_asked(found.case)),
            uncompared=tuple(item for item in self.uncompared if is_asked(item.case)),
            accepted=tuple(entry for entry in self.accepted if is_asked(entry[0].case)),
            pairs=tuple(found for found in self.pairs if is_asked(found.case)),
        )


def report_of(folder: RunFolder, accepted: Sequence[Accepted] | None = None) -> Report:
    """The report of a gate's folder.

    accepted: changes that are accepted; where None, those that `keep_accepted` put into the folder.
    Raises RunFolderError where it isn't a gate's, TriageError where its list of them is broken.
    """
    report = recorded(folder, accepted)
    if report is None:
        raise RunFolderError(f"{folder.path} is not of a gate; make one with `opbench gate`")
    return report


def recorded(folder: RunFolder, accepted: Sequence[Accepted] | None = None) -> Report | None:
    """As `report_of`, of a run that may be a gate's; None where it isn't."""
    lines = tuple(folder.lines())
    gates = [line for line in lines if isinstance(line, Gate)]
    if not gates:
        return None
    if accepted is None:
        accepted = _kept(folder)
    rules = gates[-1].rules
    units = [line for line in lines if isinstance(line, Unit)]
    found = verdicts.findings(units, rules)
    uncompared = tuple(line for line in lines if isinstance(line, Uncompared))
    items: list[Finding | Uncompared] = [*found, *uncompared]
    taken = [(item, entry) for item in items if (entry := _accepted(item, accepted)) is not None]
    return Report(
        gate=gates[-1],
        findings=found,
        uncompared=uncompared,
        nulls=verdicts.nulls(units, rules),
        accepted=tuple(taken),
        unused=unused(accepted, [entry for _, entry in taken]),
        settings=folder.info.settings,
        calibration=next(
            (x for x in lines if isinstance(x, Calibration) and x.rules == rules), None
        ),
        pairs=verdicts.verified(units, rules),
    )


def keep_accepted(folder: RunFolder, path: Path) -> None:
    """Copy the list of what is accepted to a gate's records, as the one at `path` may change."""
    shutil.copyfile(path, folder.path / NAME)


def _kept(folder: RunFolder) -> Sequence[Accepted]:
    path = folder.path / NAME
    return read(path) if path.exists() else ()


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
