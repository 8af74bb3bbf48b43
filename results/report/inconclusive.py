"""Why a gate's finding is inconclusive, and what would decide it, for people."""

from __future__ import annotations

import math

from opbench.results.records import GateRules
from opbench.results.regression.report import Report
from opbench.results.regression.verdicts import FIRST_LOOK, PAIRS, Finding, verdict_of


def why_inconclusive(finding: Finding, report: Report) -> str:
    """Why nothing was decided, in a sentence; "" of a finding that is decided."""
    if finding.verdict != "inconclusive":
        return ""
    rules = report.gate.rules
    if finding.units < FIRST_LOOK:
        return f"only {finding.units} of the {FIRST_LOOK} processes that a first look takes"
    if verdict_of(finding.ratio, rules) == "slower":
        return _of_unconfirmed(finding, report)
    return _of_wide(finding, rules)


def _of_unconfirmed(finding: Finding, report: Report) -> str:
    """Why a contender that looked slower isn't."""
    if finding.role != "confirm":
        return "looked slower when it was screened, and was not timed again in fresh processes"
    subject = (finding.contender, finding.case)
    pairs = next((f for f in report.pairs if (f.contender, f.case) == subject), None)
    if pairs is None or pairs.units < PAIRS:
        units = pairs.units if pairs else 0
        return f"fresh twins found it slower, but only {units} of {PAIRS} fresh pairs were timed"
    return (
        f"fresh twins found it slower, and {pairs.units} fresh pairs refuted that: their ratio is "
        f"{pairs.ratio.high:.3f} at most"
    )


def _of_wide(finding: Finding, rules: GateRules) -> str:
    """Why an interval decides nothing."""
    ratio = finding.ratio
    again = "of the fresh processes " if finding.role == "confirm" else ""
    if not math.isfinite(ratio.high):
        return f"{finding.units} processes scatter so much that nothing can be shown"
    spread = f"processes scatter by {finding.spread:.1%}"
    return (
        f"the interval {again}holds both 1 and a slowdown of {rules.min_slowdown:.0%}: {spread}, "
        f"so that {finding.units} of them show slowdowns from {finding.detectable:.1%} on; run the "
        "gate again with more time, or on a quieter machine"
    )
