"""Two versions compared: what a gate found, or two recorded runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from opbench.dashboards.plugin.accepted_list import accepted_in
from opbench.dashboards.plugin.answers import Query, finite
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.dashboards.plugin.selection import one_run
from opbench.results.errors import RunFolderError
from opbench.results.records import Case, Uncompared
from opbench.results.records.comparison import is_idle
from opbench.results.regression.accepted import AcceptedChange
from opbench.results.regression.report import Report, find_report
from opbench.results.regression.two_runs import Comparison, UnpairedFinding, compare
from opbench.results.regression.verdicts import VERDICTS, Finding
from opbench.results.report import gate, two_runs
from opbench.results.report.findings import uncompared_table
from opbench.results.report.inconclusive import why_inconclusive


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The run that `run` names, compared with the earlier one that `base` names.

    Without `base`, what the gate found whose session it is. Raises RunFolderError where it is none,
    EnvironmentsDifferError where two runs can't be compared.
    """
    run = one_run(log, query)
    bases = [name for name in query.get("base", []) if name]
    if bases:
        return _of_two(one_run(log, {"run": bases}), run)
    accepted, fault = accepted_in(run)
    report = find_report(run, accepted)
    if report is None:
        raise RunFolderError(f"{run.id} is not of a gate: choose an earlier run to compare it with")
    return _of_gate(report, fault)


def _of_gate(report: Report, fault: str) -> dict[str, Any]:
    """What a gate found."""
    entries = {_subject(item): entry for item, entry in report.accepted}
    findings = [
        _finding(finding, why=why_inconclusive(finding, report), entries=entries)
        for finding in report.findings
    ]
    # The command lines stand by themselves.
    lines = [line for line in gate.headline(report).splitlines() if not line.startswith("look: ")]
    return {
        "kind": "gate",
        "title": lines[0],
        "headline": [*lines[1:], *([fault] if fault else [])],
        "void": report.is_void,
        "min_slowdown": report.gate.rules.min_slowdown,
        "findings": _sorted(findings),
        "uncompared": _uncompared(report.uncompared, entries),
        "controls": [_finding(one) for one in report.controls],
        "commands": gate.commands(report),
    }


def _of_two(base: ReadRun, head: ReadRun) -> dict[str, Any]:
    """What two recorded runs show."""
    comparison = compare(base, head)
    findings = [_unpaired(item, comparison) for item in comparison.findings]
    return {
        "kind": "runs",
        "title": f"{head.id} against {base.id}, unpaired",
        "headline": two_runs.headline(comparison).splitlines(),
        "void": False,
        "min_slowdown": comparison.rules.min_slowdown,
        "findings": _sorted(findings),
        "uncompared": _uncompared(comparison.uncompared, {}),
        "controls": [],
        "commands": [],
    }


def _sorted(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The slower first, and of each verdict those with the largest ratio."""
    return sorted(
        findings, key=lambda found: (VERDICTS.index(found["verdict"]), -(found["ratio"] or 0.0))
    )


def _subject(item: Finding | Uncompared) -> tuple[Case, str]:
    """What was compared."""
    return item.case, item.contender


def _finding(
    finding: Finding,
    *,
    why: str = "",
    entries: Mapping[tuple[Case, str], AcceptedChange] | None = None,
) -> dict[str, Any]:
    """A finding for a page."""
    entry = (entries or {}).get(_subject(finding))
    low = finding.ratio.low
    return {
        "op": finding.case.op,
        "label": finding.case.label,
        "sizes": finding.case.sizes,
        "contender": finding.contender,
        "verdict": finding.verdict,
        "ratio": finite(finding.ratio.value),
        "low": finite(low) if low > 0 else None,
        "high": finite(finding.ratio.high),
        "detectable": finite(finding.detectable),
        "units": finding.units,
        "spread": finite(finding.spread),
        "method": finding.method,
        "role": finding.role,
        "why": why,
        "accepted": _entry(entry) if entry else None,
    }


def _unpaired(item: UnpairedFinding, comparison: Comparison) -> dict[str, Any]:
    """A finding of two runs for a page."""
    found = item.finding
    drift = f"{item.others} of its race" if item.of_race else f"{item.others} other cases"
    more = {"source": item.source, "measured": finite(item.measured), "drift": drift}
    return _finding(found, why=_why_unpaired(found, comparison)) | more


def _why_unpaired(found: Finding, comparison: Comparison) -> str:
    """Why two runs don't decide; "" where they do."""
    if found.verdict != "inconclusive":
        return ""
    if not math.isfinite(found.ratio.high):
        return (
            "too little else was timed in both runs, or too unevenly, to know the machine's drift"
        )
    return (
        f"slowdowns show from {found.detectable:.0%} on, and {comparison.rules.min_slowdown:.0%} "
        "matters: measure both versions in turn with `opbench gate --base REF`"
    )


def _entry(entry: AcceptedChange) -> dict[str, Any]:
    """An accepted change for a page."""
    return {"by": entry.by, "reason": entry.reason, "until": str(entry.until)}


def _uncompared(
    items: Iterable[Uncompared], entries: Mapping[tuple[Case, str], AcceptedChange]
) -> list[dict[str, Any]]:
    """What wasn't compared, and why; without what neither version supports."""
    listed = [item for item in items if not is_idle(item)]
    table = uncompared_table(listed)
    found = []
    for item, cells in zip(listed, table.rows, strict=True):
        entry = entries.get(_subject(item))
        fields = dict(zip(table.columns, cells, strict=True))
        found.append({**fields, "accepted": _entry(entry) if entry else None})
    return found
