"""Tables of what was found of two versions: the gate's, and those of two runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from opbench.results.records import Outcome, Uncompared
from opbench.results.regression.verdicts import VERDICTS, Finding
from opbench.results.report.table import NOTHING, Table

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


def findings_table(found: Sequence[Finding], *, title: str = "head against base") -> Table:
    """A row for each contender and case, those that need a look first."""
    return Table(title, COLUMNS, tuple(map(_row, sorted(found, key=urgency))))


def urgency(found: Finding) -> tuple[int, str, str]:
    """What findings are sorted by: the slower first."""
    return VERDICTS.index(found.verdict), found.case.op, found.case.label


def uncompared_table(items: Sequence[Uncompared], *, title: str = "not compared") -> Table:
    """A row for each contender of which there is nothing to compare, and why."""
    columns = ("op", "case", "contender", "status", "base", "head")
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
    return Table(title, columns, tuple(rows))


def reason_of(item: Uncompared) -> str:
    """Why it wasn't compared, in the words of the version that says so."""
    outcomes = (item.outcome.head, item.outcome.base)
    return _reason(next((outcome for outcome in outcomes if outcome is not None), None))


def _row(found: Finding) -> tuple[str, ...]:
    ratio = found.ratio
    bounded = ratio.low > 0 and math.isfinite(ratio.high)
    return (
        found.case.op,
        found.case.label,
        found.contender,
        found.verdict,
        f"{ratio.value:.3f}",
        f"{ratio.low:.3f} - {ratio.high:.3f}" if bounded else NOTHING,
        f"{found.detectable:.1%}" if math.isfinite(found.detectable) else NOTHING,
        f"{found.units} {found.method}",
        f"{found.spread:.1%}" if math.isfinite(found.spread) else NOTHING,
    )


def _reason(outcome: Outcome | None) -> str:
    return "runs" if outcome is None else str(getattr(outcome, "reason", "runs"))
