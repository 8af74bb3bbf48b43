"""The matrix of kinds of machines as tables: the winners of cases, and contenders over cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import geometric_mean

from opbench.results.ranking.matrix import Agreement, CaseAcross, Cell, Kind, Matrix, Standings
from opbench.results.report.table import NOTHING, Table, format_ratio
from opbench.results.store.collecting import described_facts, short

#: What is said of a case where kinds of machines have or haven't a winner in common.
_AGREEMENTS: dict[Agreement, str] = {
    "agree": "agree",
    "disagree": "DISAGREE",
    "undecided": "undecided",
    "alone": "one kind",
    "none": NOTHING,
}


def names_of(kinds: Sequence[Kind]) -> tuple[str, ...]:
    """Names that tell kinds apart: their labels or keys, with devices and threads where needed."""
    bases = [kind.label or short(kind.machine.environment_key) for kind in kinds]
    often = Counter(bases)
    return tuple(
        base if often[base] == 1 else f"{base} {kind.machine.device} t{kind.machine.threads}"
        for base, kind in zip(bases, kinds, strict=True)
    )


def kinds_table(matrix: Matrix) -> Table:
    """A row for each kind: what its machines are, and the runs that it comes from."""
    rows = [
        (name, _machine(kind, matrix.kinds), m.device, str(m.threads), ", ".join(kind.runs))
        for name, kind in zip(names_of(matrix.kinds), matrix.kinds, strict=True)
        for m in (kind.machine,)
    ]
    return Table("kinds", ("kind", "machine", "device", "threads", "runs"), tuple(rows))


def _machine(kind: Kind, kinds: Iterable[Kind]) -> str:
    """The machines of a kind in a few words, with what tells it from others of the same words."""
    text = described_facts(kind.facts)
    alike = [set(other.facts) for other in kinds if described_facts(other.facts) == text]
    own = sorted(fact for fact in kind.facts if not all(fact in facts for facts in alike))
    return ", ".join([text, *(f"{name} {value}" for name, value in own if value)])


def matrix_tables(matrix: Matrix) -> Iterator[Table]:
    """For each op the winners of its cases by kind, and its contenders over these cases."""
    names = names_of(matrix.kinds)
    ops: dict[str, list[CaseAcross]] = {}
    for one in matrix.cases:
        ops.setdefault(one.case.op, []).append(one)
    for op, cases in ops.items():
        rows = tuple(map(_winners_row, cases))
        yield Table(f"{op} · winners", ("case", "sizes", *names, "kinds"), rows)
        contenders = dict.fromkeys(c.contender for one in cases for c in one.standings[0].cells)
        yield Table(
            f"{op} · ratios to each kind's best",
            ("contender", *names),
            tuple(_contender_row(name, cases, len(names)) for name in contenders),
        )


def summary(matrix: Matrix) -> str:
    """On how many cases the kinds agree."""
    counts = Counter(one.agreement for one in matrix.cases)
    parts = (
        (counts["agree"], "have a winner in common"),
        (counts["disagree"], "have none"),
        (counts["undecided"], "are undecided"),
        (counts["alone"], "were timed on one kind only"),
        (counts["none"], "on none"),
    )
    listed = ", ".join(f"{number} {what}" for number, what in parts if number)
    return f"of {len(matrix.cases)} cases {listed}"


def _winners_row(one: CaseAcross) -> tuple[str, ...]:
    """The cells of a case."""
    cells = map(_winner, one.standings)
    return (one.case.label, one.case.sizes, *cells, _AGREEMENTS[one.agreement])


def _winner(standings: Standings) -> str:
    """The best and those tied with it, and the next with its ratio; or why there is none."""
    if not standings.as_good:
        return f"{NOTHING} ({_reason(standings.cells)})"
    best, following = " = ".join(standings.as_good), standings.next_cell
    if following is None:
        return best
    return f"{best}; {following.contender} {format_ratio(following.ratio)}"


def _contender_row(name: str, cases: Iterable[CaseAcross], kinds: int) -> tuple[str, ...]:
    """The cells of a contender over the cases of an op."""
    by_kind: list[list[Cell]] = [[] for _ in range(kinds)]
    for one in cases:
        for cells, standings in zip(by_kind, one.standings, strict=True):
            cells += [cell for cell in standings.cells if cell.contender == name]
    return (name, *map(_over_cases, by_kind))


def _over_cases(cells: Sequence[Cell]) -> str:
    """The mean ratio of a contender, how often it is as good as the best; or why it has no time."""
    ratios = [cell.ratio for cell in cells if cell.ratio is not None]
    if not ratios:
        return f"{NOTHING} ({_reason(cells)})"
    good = sum(cell.verdict in ("best", "tied") for cell in cells)
    without = f", {len(cells) - len(ratios)} untimed" if len(ratios) < len(cells) else ""
    return f"{format_ratio(geometric_mean(ratios))}, best in {good}/{len(ratios)}{without}"


def _reason(cells: Iterable[Cell]) -> str:
    """The reason that most of some cells have."""
    reasons = Counter(cell.reason for cell in cells if cell.reason)
    return reasons.most_common(1)[0][0] if reasons else "nothing was timed"
