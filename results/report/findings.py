"""Tables of findings: the gate's, and those of two runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from opbench.results.records import Outcome, Uncompared
from opbench.results.regression.verdicts import VERDICTS, Finding
from opbench.results.report.table import NOTHING, Table

#: Columns of the findings.
COLUMNS = (
    "op",
    "case",
    "contender",
    "verdict",
    "ratio",
    "interval",
    "detectable",
    "units",
    "spread",
)
#: Columns of what wasn't compared.
UNCOMPARED = ("op", "case", "contender", "status", "base", "head")


def findings_table(findings: Sequence[Finding], *, title: str = "head against base") -> Table:
    """A row for each contender and case, the slower first."""
    ordered = sorted(findings, key=urgency)
    return Table(title, COLUMNS, tuple(map(_row, ordered)), tuple(f.ratio for f in ordered))


def urgency(finding: Finding) -> tuple[int, str, str]:
    """A key that sorts findings, the slower first."""
    return VERDICTS.index(finding.verdict), finding.case.op, finding.case.label


def uncompared_table(items: Sequence[Uncompared], *, title: str = "not compared") -> Table:
    """A row for each contender that wasn't compared, with the reason in either version.

    "runs" stands for a version in which the contender runs.
    """
    rows = (
        (
            item.case.op,
            item.case.label,
            item.contender,
            item.status,
            _reason(item.outcome.base),
            _reason(item.outcome.head),
        )
        for item in items
    )
    return Table(title, UNCOMPARED, tuple(rows))


def reason_of(item: Uncompared) -> str:
    """The reason why a contender wasn't compared, as one of its versions gives it."""
    outcomes = (item.outcome.head, item.outcome.base)
    return _reason(next((outcome for outcome in outcomes if outcome is not None), None))


def _row(finding: Finding) -> tuple[str, ...]:
    """The cells of a finding; "-" for a number that isn't known."""
    ratio = finding.ratio
    bounded = ratio.low > 0 and math.isfinite(ratio.high)
    return (
        finding.case.op,
        finding.case.label,
        finding.contender,
        finding.verdict,
        f"{ratio.value:.3f}",
        f"{ratio.low:.3f} - {ratio.high:.3f}" if bounded else NOTHING,
        f"{finding.detectable:.1%}" if math.isfinite(finding.detectable) else NOTHING,
        f"{finding.units} {finding.method}",
        f"{finding.spread:.1%}" if math.isfinite(finding.spread) else NOTHING,
    )


def _reason(outcome: Outcome | None) -> str:
    """The reason of an outcome; "runs" where a version runs."""
    return "runs" if outcome is None else str(getattr(outcome, "reason", "runs"))
