"""Who wins a chain whole, and who would have been taken by racing each of its parts alone.

A contender that wins alone can lose in company: its result lies as the next one doesn't like it, or
what both do could have been done once. So a chain is raced whole, and what its parts' own races
would have said is priced by the race of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from opbench.results.choosing.situations import Row
from opbench.results.report.counts import counted
from opbench.results.report.table import Table, format_interval, format_ratio
from opbench.results.statistics.interval import Interval

#: As a race has it by default, contenders closer than this are equal.
_TIE = 1.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a chain as it was raced alone, on the shape that it has in the chain."""

    op: str
    #: By axis, as it is given to `--shape`: "N=6272,C=384".
    shape: str
    #: The row of its race; None where there is none.
    row: Row | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What the races of a chain, and of its parts, say of a shape."""

    shape: str
    #: The fastest contender of the whole.
    best: str
    #: The fastest that is composed of its parts' contenders; "" where none may be chosen.
    composed: str
    #: That of the parts that win alone; "" where not all were raced alone.
    picked: str
    #: How long each contender takes, to the best.
    ratios: Mapping[str, Interval]
    parts: tuple[Part, ...]

    @property
    def loses(self) -> bool:
        """Whether the parts that win alone were shown to lose in company."""
        return bool(self.picked) and self.ratios[self.picked].low > _TIE


def company_of(
    row: Row, names: Sequence[str], made_of: Mapping[str, tuple[str, ...]], parts: tuple[Part, ...]
) -> Company:
    """What is to be said of a shape of a chain.

    names: the contenders that may be chosen, of which there is one at least. made_of: of those that
    are composed, the contenders of the parts, in their order.
    """
    ordered = sorted(names, key=lambda name: row.times[name].time_s)
    composed = [name for name in ordered if name in made_of]
    named = [{made_of[name][number] for name in composed} for number in range(len(parts))]
    parts = tuple(map(_with_all, parts, named))
    alone = tuple(map(_fastest, parts, named))
    return Company(
        shape=row.shape,
        best=ordered[0],
        composed=composed[0] if composed else "",
        picked=next((name for name in composed if made_of[name] == alone), ""),
        ratios={name: _ratio(row, name, ordered[0]) for name in names},
        parts=parts,
    )


def _with_all(part: Part, names: set[str]) -> Part:
    """A part without its row where that lacks one of some contenders."""
    return part if part.row and names <= set(part.row.times) else replace(part, row=None)


def _fastest(part: Part, names: set[str]) -> str:
    """The fastest of some contenders on a part's row; "" where there is none."""
    times = part.row.times if part.row else {}
    return min(names if times else (), key=lambda name: (times[name].time_s, name), default="")


def _ratio(row: Row, name: str, best: str) -> Interval:
    """How long a contender takes, to another one than perhaps the best of the race."""
    own, scale = row.times[name], row.times[best].ratio.value
    if name == best:
        return Interval(1.0, 1.0, 1.0)
    ratio = own.time_s / row.times[best].time_s
    return Interval(ratio, own.ratio.low / scale, own.ratio.high / scale)


def company_table(title: str, shapes: Sequence[Company]) -> Table:
    """A row for each shape of a chain: who wins whole, composed, and by the parts alone."""
    columns = ("shape", "wins whole", "best composed", "takes", "parts that win alone", "take")
    rows = tuple((c.shape, c.best, *_priced(c, c.composed), *_priced(c, c.picked)) for c in shapes)
    return Table(f"{title} · whole, and by its parts", columns, rows)


def _priced(company: Company, name: str) -> tuple[str, str]:
    """A contender, and what it takes to the best."""
    if not name:
        return "-", "-"
    ratio = company.ratios[name]
    interval = format_interval(ratio) if name != company.best else ""
    return name, f"{format_ratio(ratio.value)} {interval}".strip()


def company_notes(shapes: Sequence[Company]) -> Iterator[str]:
    """On how many shapes who wins alone loses in company, and what wasn't raced alone."""
    known = [company for company in shapes if company.picked]
    lost = [company.shape for company in known if company.loses]
    if known:
        where = f": {', '.join(lost)}" if lost else ""
        yield (
            f"who wins alone was shown to lose in company on {len(lost)} of "
            f"{counted(len(known), 'shape')}{where}"
        )
    for op, texts in _unraced(shapes).items():
        options = " ".join(f"--shape {text}" for text in texts)
        yield f"{op} wasn't raced alone on what it gets here: opbench run {op} {options}"


def _unraced(shapes: Sequence[Company]) -> dict[str, dict[str, None]]:
    """By part, its shapes that no run has."""
    found: dict[str, dict[str, None]] = {}
    for part in (part for company in shapes for part in company.parts if part.row is None):
        found.setdefault(part.op, {})[part.shape] = None
    return found


def company_document(company: Company) -> dict[str, object]:
    """As JSON has it."""
    named = {"best": company.best, "composed": company.composed, "picked": company.picked}
    ratios = {
        what: [ratio.value, ratio.low, ratio.high]
        for what, name in named.items()
        if name and (ratio := company.ratios[name])
    }
    return {"shape": company.shape, **named, "ratios": ratios, "loses": company.loses}
