"""The report of a gate for people: tables, a headline of a few lines, and Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

from opbench.results.records import Gate, Side, Status, Uncompared
from opbench.results.records.comparison import is_idle
from opbench.results.regression.explain_commands import explain_commands
from opbench.results.regression.report import Report
from opbench.results.regression.verdicts import PAIRS, VERDICTS
from opbench.results.report.explanations import brief_of
from opbench.results.report.findings import findings_table, reason_of, uncompared_table
from opbench.results.report.markdown import escape, render
from opbench.results.report.table import Table

#: Verdicts by which a change passes.
PASSES = ("faster", "no slower", "same")
#: The most characters that the headline gives to why the method isn't the other.
_BRIEF = 160


def tables(report: Report) -> tuple[Table, ...]:
    """The findings, the uncompared, and the A/A controls where they void the session.

    Contenders that this machine can't run are left out: the headline counts them.
    """
    listed = tuple(item for item in report.uncompared if not is_idle(item))
    parts = [findings_table(report.findings)]
    if listed:
        parts.append(uncompared_table(listed))
    if report.is_void:
        parts.append(findings_table(report.controls, title="the base against itself"))
    return tuple(parts)


def headline(report: Report) -> str:
    """The report in a few lines.

    One fact a line: versions, warnings, counts, and what each exception is about.
    """
    return "\n".join(
        (
            _of_sides(report.gate),
            *(f"warning: {warning}" for warning in report.gate.warnings),
            *_of_findings(report),
            *_of_pairs_among_twins(report),
            *_of_verified(report),
            *_of_idle(report),
            *_of_broken_in_both(report),
            *_of_calibration(report),
            *_of_accepted(report),
            *(f"why: {brief_of(one)}" for one in report.explanations),
            *(f"look: {line}" for line in commands(report)),
        )
    )


def commands(report: Report) -> tuple[str, ...]:
    """The command lines that show why what is slower is so."""
    return () if report.is_void else explain_commands(report.open_findings, report.settings)


def markdown(report: Report, folder: Path) -> str:
    """A summary for the page of a pull request.

    What failed comes first; what passed is folded away. folder: the run's, which it names.
    """
    passing = [f for f in report.findings if f.verdict in PASSES]
    failing = [f for f in report.open_findings if f.verdict not in PASSES]
    listed = tuple(item for item in report.uncompared if not is_idle(item))
    parts = ["## opbench gate\n", *(f"{escape(line)}\n" for line in headline(report).splitlines())]
    if failing:
        parts.append(render(findings_table(failing, title="not passed")))
    if listed:
        parts.append(render(uncompared_table(listed)))
    if report.is_void:
        parts.append(render(findings_table(report.controls, title="the base against itself")))
    if passing:
        folded = render(findings_table(passing, title="passed"))
        parts.append(
            f"<details><summary>passed: {len(passing)}</summary>\n\n{folded}\n</details>\n"
        )
    parts.append(f"run: {escape(str(folder))}\n")
    return "\n".join(parts)


def _of_sides(gate: Gate) -> str:
    """The versions, the method, and why it isn't the other."""
    how = gate.method + (f" ({brief(gate.note)})" if gate.note else "")
    return f"{_side(gate.head)} against {_side(gate.base)}, as {how}"


def brief(note: str) -> str:
    """Why the method isn't the other, in a line: of a long message of torch, the first sentence.

    It names what can't be there twice. The record has the whole note, and `gate -v` prints it.
    """
    line = note.partition("\n")[0]
    if len(line) <= _BRIEF:
        return line
    sentence = re.split(r"[.;]\s", line, maxsplit=1)[0]
    # In the middle there are paths; what can't be there twice stands at the end.
    is_long = len(sentence) > _BRIEF
    return f"{sentence[: _BRIEF // 4]}…{sentence[-_BRIEF * 3 // 4 :]}" if is_long else sentence


def _side(side: Side) -> str:
    """A version as people call it, with the beginning of its commit."""
    if not side.commit:
        return side.label
    if side.commit.startswith(side.label):
        return side.commit[:9]
    changed = ", changed" if side.commit.endswith("+") else ""
    return f"{side.label} ({side.commit[:9]}{changed})"


def _of_findings(report: Report) -> tuple[str, ...]:
    """The number of each verdict and status, and the detectable slowdown; or that it is void."""
    if report.is_void:
        return ("void: the base differs from itself, so that nothing here is to be believed",)
    counts = Counter(finding.verdict for finding in report.findings)
    listed = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    status = Counter(item.status for item in report.uncompared if not is_idle(item))
    lines = [f"{len(report.findings)} compared: {listed}" if listed else "nothing was compared"]
    if status:
        rest = ", ".join(f"{number} {_STATUS[name]}" for name, number in sorted(status.items()))
        lines.append(f"not compared: {rest}")
    detectable = [f.detectable for f in report.findings if f.verdict in PASSES]
    if detectable:
        lines.append(
            f"those that passed would have shown a slowdown of {max(detectable):.1%} at the worst, "
            f"{median(detectable):.1%} in the middle"
        )
    return tuple(lines)


def _of_verified(report: Report) -> tuple[str, ...]:
    """The contenders that twins confirmed, in fresh pairs."""
    verdicts = {(f.contender, f.case): f.verdict for f in report.findings}
    lines = []
    for f in () if report.is_void else report.pairs:
        is_refuted = verdicts.get((f.contender, f.case)) == "inconclusive"
        why = "doesn't bear the twins out" if f.units >= PAIRS else "are too few to tell"
        lines.append(
            f"in {f.units} fresh pairs: {f.case.op} {f.contender} on {f.case.label}: "
            f"{f.ratio.value:.3f} ({f.ratio.low:.3f} - {f.ratio.high:.3f})"
            + (f", which {why}" if is_refuted else "")
        )
    return tuple(lines)


def _of_idle(report: Report) -> tuple[str, ...]:
    """The contenders that this machine can't run: a change may well be in one of them."""
    idle = [item for item in report.uncompared if is_idle(item)]
    reasons = dict.fromkeys(reason_of(item) for item in idle)
    return tuple(
        "run in neither version here, so that nothing is known of their change: "
        f"{_counted(item for item in idle if reason_of(item) == reason)}: {reason}"
        for reason in reasons
    )


def _of_broken_in_both(report: Report) -> tuple[str, ...]:
    """The contenders that fail in both versions, each with the reason on the first of its cases."""
    broken: dict[str, list[Uncompared]] = {}
    for item in report.uncompared:
        if item.outcome.base and item.outcome.head and item.status == "both" and not is_idle(item):
            broken.setdefault(item.contender, []).append(item)
    return tuple(
        "fails or is wrong in both versions, so that nothing is known of its change: "
        f"{_counted(items)}: {reason_of(items[0])}"
        for items in broken.values()
    )


def _counted(items: Iterable[Uncompared]) -> str:
    """The contenders, and on how many cases each."""
    counts = Counter(item.contender for item in items)
    return ", ".join(f"{name} ({number})" for name, number in sorted(counts.items()))


def _of_pairs_among_twins(report: Report) -> tuple[str, ...]:
    """The contenders that were screened as pairs in a session of twins."""
    pairs = {f.contender for f in report.findings if f.method == "pairs"}
    if not pairs or report.gate.method == "pairs":
        return ()
    return (
        "as pairs, since they register ops with torch, which can't have two of one name in a "
        f"process: {', '.join(sorted(pairs))}",
    )


#: A status in words, after a number.
_STATUS: Mapping[Status, str] = {
    "new": "new",
    "vanished": "vanished",
    "base": "that fail in the base",
    "head": "that fail in the head",
    "both": "that fail in both",
    "mixed": "with code of the other version",
    "registered": "that can't be two in one process (--method pairs)",
}


def _of_calibration(report: Report) -> tuple[str, ...]:
    """The error rates of gates by these rules on this machine, where they are known."""
    calibration = report.calibration
    if calibration is None:
        return ()
    power = "".join(
        f", {power.slowdown:.0%} found in {power.found} of {power.sessions}"
        for power in calibration.powers
        if power.slowdown == calibration.rules.min_slowdown
    )
    return (
        f"on this machine: {calibration.failed} of {calibration.sessions} unchanged sessions failed"
        f"{power} (resampled)",
    )


def _of_accepted(report: Report) -> tuple[str, ...]:
    """The accepted changes that apply, and the entries that don't."""
    accepted = tuple(
        f"accepted until {entry.until}: {item.case.op} {item.contender} on {item.case.label}: "
        f"{entry.reason} ({entry.by})"
        for item, entry in report.accepted
    )
    unused = tuple(
        f"accepts nothing that was found: {entry.op} ({entry.by})" for entry in report.unused
    )
    return (*accepted, *unused)
