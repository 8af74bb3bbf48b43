"""A comparison of two recorded runs for people: tables, and how far it can be trusted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from opbench.results.records import Uncompared
from opbench.results.records.comparison import is_idle
from opbench.results.regression.two_runs import Comparison, UnpairedFinding
from opbench.results.regression.verdicts import VERDICTS
from opbench.results.report.counts import counted
from opbench.results.report.findings import findings_table, uncompared_table, urgency
from opbench.results.report.markdown import escape, render
from opbench.results.report.table import Table

#: Columns beside those of a gate: whether the source is the same, and what drift was taken out.
MORE_COLUMNS = ("source", "drift from")


def tables(comparison: Comparison) -> tuple[Table, ...]:
    """The findings, and what wasn't compared of the cases that both runs have."""
    ordered = sorted(comparison.findings, key=lambda item: urgency(item.finding))
    table = findings_table([item.finding for item in ordered], title=_title(comparison))
    rows = zip(table.rows, ordered, strict=True)
    parts = [
        replace(
            table,
            columns=(*table.columns, *MORE_COLUMNS),
            rows=tuple((*row, item.source, _drift_from(item)) for row, item in rows),
        )
    ]
    listed = _listed(comparison)
    if listed:
        parts.append(uncompared_table(listed))
    return tuple(parts)


def headline(comparison: Comparison) -> str:
    """The findings in a few lines, and what they are worth.

    Counts, the machine's own change, and the slowdown that would have been detectable.
    """
    return "\n".join((*_counts(comparison), *_machine(comparison), *_worth(comparison)))


def markdown(comparison: Comparison) -> str:
    """A summary for the page of a pull request."""
    lines = [f"{escape(line)}\n" for line in headline(comparison).splitlines()]
    parts = ["## opbench gate, against a recorded run\n", *lines]
    return "\n".join([*parts, *map(render, tables(comparison))])


def _title(comparison: Comparison) -> str:
    """The title of the table: which run against which."""
    return f"{comparison.head} against {comparison.base}, unpaired"


def _drift_from(item: UnpairedFinding) -> str:
    """The contenders or cases that the machine's own change was estimated from."""
    return f"{item.others} of its race" if item.of_race else f"{item.others} other cases"


def _counts(comparison: Comparison) -> Iterator[str]:
    """The number of each verdict and status, and of the cases that only one run has."""
    verdicts = Counter(item.finding.verdict for item in comparison.findings)
    counts = ", ".join(f"{verdicts[name]} {name}" for name in VERDICTS if verdicts[name])
    yield f"{len(comparison.findings)} compared: {counts}" if counts else "nothing was compared"
    status = Counter(item.status for item in _listed(comparison))
    if status:
        counts = ", ".join(f"{number} {name}" for name, number in sorted(status.items()))
        yield f"not compared: {counts}"
    for run, keys in (
        (comparison.base, comparison.only_in_base),
        (comparison.head, comparison.only_in_head),
    ):
        if keys:
            number = len({case for case, _ in keys})
            yield f"only in {run}: {counted(number, 'case')}"


def _machine(comparison: Comparison) -> Iterator[str]:
    """The machine's own change, which is taken out of the ratios."""
    if comparison.machine is not None:
        ratio = comparison.machine
        yield (
            f"the machine took {ratio.value:.2f} times as long in the second run, by the case "
            f"{ratio.low:.2f} to {ratio.high:.2f}; that is taken out of the ratios"
        )
    for case, value in comparison.anchors:
        yield f"  {case.op} on {case.device}, {counted(case.threads, 'thread')}: {value:.2f}"


def _worth(comparison: Comparison) -> Iterator[str]:
    """The detectable slowdowns, and advice for runs that show more."""
    if not comparison.findings:
        return
    all_of_them = [item.finding.detectable for item in comparison.findings]
    known = [detectable for detectable in all_of_them if math.isfinite(detectable)]
    if known:
        yield (
            f"detectable was a slowdown of {min(known):.0%} at best, {median(known):.0%} in the "
            f"middle; {comparison.rules.min_slowdown:.0%} matters"
        )
    if unknown := len(all_of_them) - len(known):
        yield f"of {unknown} nothing can be shown: too little else was timed, or too unevenly"
    if min(item.finding.units for item in comparison.findings) == 1:
        yield (
            "a run in one process can't tell a change from the luck of that process: race both "
            "with --processes 10, or measure both versions in turn with `opbench gate --base REF`"
        )
    else:
        yield "runs of different hours show less than `opbench gate --base REF` does"
    puzzling = sum(
        item.finding.verdict == "slower" and item.source == "same" for item in comparison.findings
    )
    if puzzling:
        yield f"{puzzling} slower with the same source: the machine, or something that they call"


def _listed(comparison: Comparison) -> tuple[Uncompared, ...]:
    """The uncompared contenders that run in one version at least."""
    return tuple(item for item in comparison.uncompared if not is_idle(item))
