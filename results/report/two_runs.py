"""What two recorded runs tell, for people: tables, and how far that can be trusted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from opbench.results.records import Uncompared
from opbench.results.records.comparison import is_idle
from opbench.results.regression.two_runs import Compared, Comparison
from opbench.results.regression.verdicts import VERDICTS
from opbench.results.report.findings import findings_table, uncompared_table, urgency
from opbench.results.report.table import Table


def tables(comparison: Comparison) -> tuple[Table, ...]:
    """The findings, and what wasn't compared of the cases that both runs have."""
    ordered = sorted(comparison.compared, key=lambda compared: urgency(compared.finding))
    found = findings_table([compared.finding for compared in ordered], title=_title(comparison))
    beside = zip(found.rows, ordered, strict=True)
    parts = [
        replace(
            found,
            columns=(*found.columns, "source", "told by"),
            rows=tuple((*row, compared.source, _told_by(compared)) for row, compared in beside),
        )
    ]
    listed = _listed(comparison)
    if listed:
        parts.append(uncompared_table(listed))
    return tuple(parts)


def headline(comparison: Comparison) -> str:
    """What was found and what it is worth, in a few lines."""
    return "\n".join((*_counts(comparison), *_machine(comparison), *_worth(comparison)))


def _title(comparison: Comparison) -> str:
    return f"{comparison.head} against {comparison.base}, unpaired"


def _told_by(compared: Compared) -> str:
    if compared.beside:
        return f"{compared.others} beside it"
    return f"{compared.others} other cases"


def _counts(comparison: Comparison) -> Iterator[str]:
    verdicts = Counter(compared.finding.verdict for compared in comparison.compared)
    told = ", ".join(f"{verdicts[name]} {name}" for name in VERDICTS if verdicts[name])
    yield f"{len(comparison.compared)} compared: {told}" if told else "nothing was compared"
    status = Counter(item.status for item in _listed(comparison))
    if status:
        told = ", ".join(f"{number} {name}" for name, number in sorted(status.items()))
        yield f"not compared: {told}"
    for run, keys in ((comparison.base, comparison.gone), (comparison.head, comparison.fresh)):
        if keys:
            yield f"only in {run}: {len({case for case, _ in keys})} cases"


def _machine(comparison: Comparison) -> Iterator[str]:
    """How the machine changed, which is taken out of the ratios."""
    if comparison.machine is not None:
        ratio = comparison.machine
        yield (
            f"the machine took {ratio.value:.2f} times as long in the second run, by the case "
            f"{ratio.low:.2f} to {ratio.high:.2f}; that is taken out of the ratios"
        )
    for case, value in comparison.anchors:
        yield f"  {case.op} on {case.device}, {case.threads} threads: {value:.2f}"


def _worth(comparison: Comparison) -> Iterator[str]:
    if not comparison.compared:
        return
    told = [c.finding.seen for c in comparison.compared if math.isfinite(c.finding.seen)]
    untold = len(comparison.compared) - len(told)
    if told:
        yield (
            f"could see a slowdown of {min(told):.0%} at best, {median(told):.0%} in the middle; "
            f"{comparison.rules.min_slowdown:.0%} matters"
        )
    if untold:
        yield f"{untold} can't be told at all: too little else was timed, or too unevenly"
    if min(compared.finding.units for compared in comparison.compared) == 1:
        yield (
            "a run in one process can't tell a change from the luck of that process: race both "
            "with --processes 10, or measure both versions in turn with `opbench gate --base REF`"
        )
    else:
        yield "runs of different hours tell less than `opbench gate --base REF` does"
    puzzling = sum(
        c.finding.verdict == "slower" and c.source == "same" for c in comparison.compared
    )
    if puzzling:
        yield f"{puzzling} slower with the same source: the machine, or something that they call"


def _listed(comparison: Comparison) -> tuple[Uncompared, ...]:
    return tuple(item for item in comparison.uncompared if not is_idle(item))
