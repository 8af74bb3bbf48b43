"""The report of a gate: read from its folder, with the changes that were accepted beforehand."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opbench.results.errors import RunFolderError
from opbench.results.records import Calibration, Case, Explanation, Gate, Uncompared, Unit
from opbench.results.records.comparison import is_idle
from opbench.results.records.run_folder import RunFolder
from opbench.results.regression import verdicts
from opbench.results.regression.accepted import (
    NAME,
    AcceptedChange,
    find_entry,
    read,
    unused_entries,
)
from opbench.results.regression.verdicts import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report of a gate.

    It holds nothing that isn't derived from the records of its folder.
    """

    gate: Gate
    #: Of each contender and case that was compared.
    findings: tuple[Finding, ...]
    uncompared: tuple[Uncompared, ...]
    #: The A/A controls.
    controls: tuple[Finding, ...]
    #: Findings and uncompared contenders, each with the entry that accepts it.
    accepted: tuple[tuple[Finding | Uncompared, AcceptedChange], ...] = ()
    #: Entries that accept nothing of it.
    unused: tuple[AcceptedChange, ...] = ()
    #: The options that the gate was begun with, as of `RunInfo`.
    settings: tuple[tuple[str, str], ...] = ()
    #: Of gates by these rules on this machine, where it is known.
    calibration: Calibration | None = None
    #: Of the contenders that fresh twins confirmed, from fresh pairs.
    pairs: tuple[Finding, ...] = ()
    #: Why contenders are slower, of those that were explained.
    explanations: tuple[Explanation, ...] = ()

    @property
    def is_void(self) -> bool:
        """Whether the base differs from itself, so that nothing here is to be believed."""
        return verdicts.is_void(self.controls)

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """The findings that no entry accepts.

        These decide the exit code.
        """
        accepted = [item for item, _ in self.accepted]
        return tuple(finding for finding in self.findings if finding not in accepted)

    @property
    def open_uncompared(self) -> tuple[Uncompared, ...]:
        """The uncompared that no entry accepts, and that aren't simply new or unsupported."""
        accepted = [item for item, _ in self.accepted]
        items = (item for item in self.uncompared if item not in accepted)
        return tuple(item for item in items if item.status != "new" and not is_idle(item))

    def only(self, keep: Callable[[Case], bool]) -> Report:
        """The report of some of the cases; the A/A controls are those of all."""
        return replace(
            self,
            findings=tuple(finding for finding in self.findings if keep(finding.case)),
            uncompared=tuple(item for item in self.uncompared if keep(item.case)),
            accepted=tuple(entry for entry in self.accepted if keep(entry[0].case)),
            pairs=tuple(finding for finding in self.pairs if keep(finding.case)),
            explanations=tuple(one for one in self.explanations if keep(one.case)),
        )


def report_of(folder: RunFolder, accepted: Sequence[AcceptedChange] | None = None) -> Report:
    """The report of a gate's folder.

    accepted: changes that are accepted; where None, those that `copy_accepted` put into the folder.
    Raises RunFolderError where it isn't a gate's, TriageError where its list of them is broken.
    """
    report = find_report(folder, accepted)
    if report is None:
        raise RunFolderError(f"{folder.path} is not of a gate; make one with `opbench gate`")
    return report


def find_report(
    folder: RunFolder, accepted: Sequence[AcceptedChange] | None = None
) -> Report | None:
    """As `report_of`, of a run that may be a gate's; None where it isn't."""
    begun = folder.lines(mentioning=(Gate.__name__,))
    gates = [line for line in begun if isinstance(line, Gate)]
    if not gates:
        return None
    lines = tuple(folder.lines())
    if accepted is None:
        accepted = _copied(folder)
    rules = gates[-1].rules
    units = [line for line in lines if isinstance(line, Unit)]
    findings = verdicts.findings(units, rules)
    uncompared = tuple(line for line in lines if isinstance(line, Uncompared))
    items: list[Finding | Uncompared] = [*findings, *uncompared]
    covered = [(item, entry) for item in items if (entry := _entry_for(item, accepted)) is not None]
    return Report(
        gate=gates[-1],
        findings=findings,
        uncompared=uncompared,
        controls=verdicts.control_findings(units, rules),
        accepted=tuple(covered),
        unused=unused_entries(accepted, [entry for _, entry in covered]),
        settings=folder.info.settings,
        calibration=next(
            (x for x in lines if isinstance(x, Calibration) and x.rules == rules), None
        ),
        pairs=verdicts.verifying_findings(units, rules),
        explanations=folder.explanations(),
    )


def copy_accepted(folder: RunFolder, path: Path) -> None:
    """Copy the list of accepted changes to a gate's records, as the file at `path` may change.

    So that the report is the same whenever it is read.
    """
    shutil.copyfile(path, folder.path / NAME)


def _copied(folder: RunFolder) -> Sequence[AcceptedChange]:
    """The accepted changes in a gate's folder; none where there is no list."""
    path = folder.path / NAME
    return read(path) if path.exists() else ()


def _entry_for(
    item: Finding | Uncompared, entries: Sequence[AcceptedChange]
) -> AcceptedChange | None:
    """The entry that accepts a finding or an uncompared contender; None where none does."""
    change, slowdown = (
        (item.verdict, item.ratio.value - 1) if isinstance(item, Finding) else (item.status, None)
    )
    return find_entry(
        entries,
        op=item.case.op,
        contender=item.contender,
        case=item.case,
        change=change,
        slowdown=slowdown,
    )
