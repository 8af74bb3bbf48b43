"""An explanation in sentences: the difference, its causes with their shares, what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from opbench.results.explaining.figures import figures_of
from opbench.results.explaining.parts import parts_of
from opbench.results.records import CauseKind, Evidence, ExplainedCause, Explanation
from opbench.results.report.declared_cost import is_contradicted, is_in_sight
from opbench.results.report.table import Table, format_bytes, format_time

#: The kinds of causes in words.
TITLES: dict[CauseKind, str] = {
    "copy": "copies",
    "conversion": "dtype conversions",
    "dtype": "other dtype",
    "index dtype": "wider index dtype",
    "fusion": "missed fusion",
    "temporary": "wider temporary",
    "allocation": "allocation",
    "page faults": "page faults of fresh memory",
    "recomputation": "recomputation",
    "scatter": "scattered accumulation",
    "layout": "inputs that aren't contiguous",
    "denormals": "denormal numbers",
    "threads": "fewer threads",
    "python": "Python, and many small operators",
    "synchronisation": "waiting for a number",
    "graph break": "graph break",
    "vectorisation": "lost vectorisation",
    "operator": "slower operators",
}
#: Figures that are shown beside the causes: name, what it is, and how its value is written.
_FACTS = (
    ("cold_ratio", "with cold caches a call takes, of the time with warm ones", "{:.3g} times"),
    ("simulated_instructions", "instructions of a call, by callgrind", "{:.4g}"),
    ("instructions", "instructions of a call, in the calling thread", "{:.4g}"),
    ("cycles", "cycles of a call, in the calling thread", "{:.4g}"),
    ("cache_misses", "misses of the last cache in a call, in the calling thread", "{:.4g}"),
)
#: Columns of the causes.
COLUMNS = ("cause", "share", "time", "evidence")


def headline(explanation: Explanation) -> str:
    """Which is slower, by how much, on what."""
    slower, faster = explanation.slower, explanation.faster
    where = f"{explanation.case.op} {explanation.case.label}"
    interval = f"[{explanation.low:.3g}, {explanation.high:.3g}]"
    times = f"{format_time(slower.time_s)} against {format_time(faster.time_s)}"
    if explanation.difference == "slower":
        ratio = f"takes {explanation.ratio:.3g} times as long as"
        return f"{name_of(slower)} {ratio} {name_of(faster)}, {interval}, on {where}: {times}"
    both = f"{name_of(slower)} and {name_of(faster)}, on {where}: ratio {explanation.ratio:.3g}"
    if explanation.difference == "none":
        return f"no difference between {both} {interval}"
    return f"no difference is shown between {both} {interval}: race longer with --budget"


def brief_of(explanation: Explanation) -> str:
    """The first cause of a difference, in a line.

    For the headline of a gate: the table of all causes is in the run.
    """
    slower, case = explanation.slower, explanation.case
    where = f"{case.op} {name_of(slower)} on {case.label}, {explanation.ratio:.3f}"
    if explanation.difference != "slower":
        return f"{where}: no difference is shown when it is timed again"
    if not explanation.causes or explanation.causes[0].seconds <= 0:
        return f"{where}: unexplained"
    first = explanation.causes[0]
    return f"{where}: {first.share:.0%} {TITLES[first.kind]}: {first.evidence}"


def name_of(evidence: Evidence) -> str:
    """A contender, with its version where there are two."""
    return f"{evidence.contender} ({evidence.side})" if evidence.side else evidence.contender


def cause_lines(explanation: Explanation) -> Iterator[str]:
    """A line for each cause, and one for the rest."""
    for row in causes_table(explanation).rows:
        title, share, time, evidence = row
        yield f"{share:>6} {time:>8}  {title}{f': {evidence}' if evidence else ''}"


def causes_table(explanation: Explanation) -> Table:
    """A row per cause, the largest first, and one for what is unexplained."""
    rows = [_row(cause) for cause in explanation.causes]
    if explanation.difference == "slower":
        whole = explanation.slower.time_s - explanation.faster.time_s
        rest = explanation.unexplained
        rows.append(("unexplained", f"{rest:.0%}", format_time(rest * whole), ""))
    return Table(headline(explanation), COLUMNS, tuple(rows))


def notes(explanation: Explanation) -> Iterator[str]:
    """How far the parts can be trusted, and what wasn't to be had.

    The interval of the difference, what profiling cost and was left out, the bytes moved beside
    those that are declared, and each pass without evidence, with its reason.
    """
    slower, faster = explanation.slower, explanation.faster
    if explanation.difference == "slower":
        low, high = (faster.time_s * (end - 1) for end in (explanation.low, explanation.high))
        whole = slower.time_s - faster.time_s
        overhead = ", ".join(
            f"{format_time(parts_of(one).overhead_s)} of {name_of(one)}" for one in (slower, faster)
        )
        yield (
            f"shares are of the raced difference, {format_time(whole)} a call "
            f"[{format_time(low)}, {format_time(high)}]; left out: what profiling cost, {overhead}"
        )
    yield from _facts(explanation)
    yield from _against_ceiling(explanation)
    yield from _against_cost(explanation)
    yield from _missing(explanation)


def _facts(explanation: Explanation) -> Iterator[str]:
    """Numbers of either contender that no cause is charged with."""
    for name, text, form in _FACTS:
        both = (explanation.slower, explanation.faster)
        values = {name_of(one): figures_of(one).get(name) for one in both}
        known = [f"{whose} {form.format(value)}" for whose, value in values.items() if value]
        if known:
            yield f"{text}: {', '.join(known)}"


def _against_ceiling(explanation: Explanation) -> Iterator[str]:
    """The place of either contender on the roofline: its share of what the machine can do."""
    least = figures_of(explanation.slower).get("ceiling_s")
    if least is None:
        return
    shares = ", ".join(
        f"{name_of(one)} {least / one.time_s:.0%}"
        for one in (explanation.slower, explanation.faster)
    )
    yield f"of the machine's ceiling, {format_time(least)} for what is declared: {shares}"


def _against_cost(explanation: Explanation) -> Iterator[str]:
    """The bytes that either contender moves, beside those that its op says have to be moved."""
    counted = {
        name_of(one): figures_of(one).get("traffic_bytes")
        for one in (explanation.slower, explanation.faster)
    }
    declared = figures_of(explanation.slower).get("compulsory_bytes")
    known = {name: bytes_ for name, bytes_ in counted.items() if bytes_}
    if not declared or not known:
        return
    texts = (f"{name} {format_bytes(moved)}" for name, moved in known.items())
    yield f"bytes moved by operators: {', '.join(texts)}; declared: {format_bytes(declared)}"
    # What isn't done by operators moves bytes out of sight.
    seen = [
        figures_of(one)["traffic_bytes"]
        for one in (explanation.slower, explanation.faster)
        if name_of(one) in known and is_in_sight(parts_of(one).outside_s / one.time_s)
    ]
    if is_contradicted(min(seen, default=declared), declared):
        yield "the declared cost is contradicted: it says that more bytes have to be moved"


def _missing(explanation: Explanation) -> Iterator[str]:
    """What evidence wasn't to be had of either contender, and why; not what has no use there."""
    both = (explanation.slower, explanation.faster)
    for part in dict.fromkeys(part for one in both for part, _ in one.missing):
        reasons = {name_of(one): dict(one.missing).get(part, "") for one in both}
        reasons = {name: why for name, why in reasons.items() if why}
        if all(why.startswith("not needed") for why in reasons.values()):
            continue
        if len(reasons) == 2 and len(set(reasons.values())) == 1:
            yield f"{part}: {next(iter(reasons.values()))}"
        else:
            yield f"{part}: " + "; ".join(f"{name}: {why}" for name, why in reasons.items())


def _row(cause: ExplainedCause) -> tuple[str, str, str, str]:
    """The cells of a cause."""
    return TITLES[cause.kind], f"{cause.share:.0%}", format_time(cause.seconds), cause.evidence
