"""The report of a check: a table per op, and a line per problem. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from opbench.harness.correctness.caveats import Checked
from opbench.harness.pipeline.check import CheckReport
from opbench.harness.planning.borders import REFUSED
from opbench.results.records import Case, Right, Wrong
from opbench.results.report.counts import counted
from opbench.results.report.table import Table


def tables(report: CheckReport, *, pairs: bool) -> Iterator[Table]:
    """A table per op: each contender, how many checks it passed, and its largest error."""
    columns = (
        "contender",
        "checks",
        "right",
        "wrong",
        "admitted",
        "failed",
        "unsupported",
        "error",
    )
    for op in dict.fromkeys(item.case.op for item in report.checked):
        rows = []
        for name in dict.fromkeys(c.contender for c in report.checked if c.case.op == op):
            mine = [c for c in report.checked if (c.case.op, c.contender) == (op, name)]
            kinds = Counter("Admitted" if c.admitted else type(c.verdict).__name__ for c in mine)
            error = max((c.verdict.error for c in mine if isinstance(c.verdict, Right)), default=0)
            counts = (kinds[k] for k in ("Right", "Wrong", "Admitted", "Failed", "Unsupported"))
            rows.append((name, str(len(mine)), *map(str, counts), f"{error:.2f}"))
        yield Table(f"{op}: error in units of the tolerance", columns, tuple(rows))
        if pairs:
            yield _pair_table(report, op)


def _pair_table(report: CheckReport, op: str) -> Table:
    """The largest difference of each two contenders of an op, the largest first."""
    worst: dict[tuple[str, str], float] = {}
    for pair in report.pairs:
        if pair.case.op == op:
            key = (pair.one, pair.other)
            worst[key] = max(worst.get(key, 0.0), pair.units)
    rows = sorted(worst.items(), key=lambda item: -item[1])
    return Table(
        f"{op}: largest difference between contenders, in units of the tolerance",
        ("one", "other", "difference"),
        tuple((one, other, f"{units:.2f}") for (one, other), units in rows),
    )


def problems(checked: Sequence[Checked]) -> Iterator[str]:
    """A line for each thing wrong, failed or unsupported, and one for the total."""
    groups: dict[tuple[str, ...], list[Checked]] = {}
    for item in checked:
        if not isinstance(item.verdict, Right) and not item.admitted:
            stage = getattr(item.verdict, "stage", "")
            kind = type(item.verdict).__name__.upper()
            # Numbers differ from case to case; one line for all of them will do.
            reason = "" if stage in ("value", "gradient") else _NUMBER.sub("0", item.verdict.reason)
            name = item.contender
            # Inputs that can't be had are nobody's own fault.
            if reason.startswith(("layout ", REFUSED)):
                name = "every contender"
            # Whatever the op says to them, nobody asked for these sizes.
            if reason.startswith(REFUSED):
                reason = REFUSED
            groups.setdefault((kind, name, item.case.op, stage, reason), []).append(item)
    for (kind, contender, op, stage, _), items in sorted(groups.items()):
        verdict, case = items[0].verdict, items[0].case
        assert not isinstance(verdict, Right)
        number = len({item.case.key for item in items})
        where = f"{counted(number, 'case')}, first {case.label} ({case.sizes})"
        yield f"{kind} {contender} of {op} on {where}: {stage and stage + ': '}{verdict.reason}"
    yield from _suspicions(checked)
    contenders = {(item.case.op, item.contender) for item in checked}
    yield f"{counted(len(checked), 'check')} of {counted(len(contenders), 'contender')}"


def _suspicions(checked: Sequence[Checked]) -> Iterator[str]:
    """Lines for each op whose contenders are all wrong, on all cases or on some."""
    for op in dict.fromkeys(item.case.op for item in checked):
        compared = [c for c in checked if c.case.op == op and isinstance(c.verdict, Right | Wrong)]
        wrong = [c.verdict for c in compared if isinstance(c.verdict, Wrong)]
        contenders = {item.contender for item in compared}
        alike = all(verdict.stage in ("shape", "dtype") for verdict in wrong)
        if len(contenders) > 1 and len(wrong) == len(compared) and alike:
            yield f"all {len(contenders)} contenders of {op} return the like: suspect its oracle"
            continue
        cases = list(_wrong_for_everybody(compared))
        if cases:
            where = f"{counted(len(cases), 'case')}, first {cases[0].label} ({cases[0].sizes})"
            yield f"all contenders of {op} are wrong on {where}: suspect its oracle or tolerance"


def _wrong_for_everybody(compared: Sequence[Checked]) -> Iterator[Case]:
    """The cases on which several contenders ran, and none has the values of the oracle."""
    by_case: dict[Case, list[Checked]] = {}
    for item in compared:
        by_case.setdefault(item.case, []).append(item)
    for case, items in by_case.items():
        wrong = [
            item
            for item in items
            if isinstance(item.verdict, Wrong)
            and item.verdict.stage in ("value", "gradient")
            and not item.admitted
        ]
        if len(items) > 1 and len(wrong) == len(items):
            yield case


#: A number in a message.
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")
