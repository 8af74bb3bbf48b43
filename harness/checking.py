"""The check stage: every contender on every case, with admitted weaknesses verified both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from harness.catalog import Catalog
from harness.pipeline import Here, Reporter, Silent
from harness.planning import Race
from harness.supervisor import Supervisor
from harness.worker import Told
from results.record import Case, Measured, Outcome, Profile, Right, Verdict, Wrong

#: Stages of a check that a caveat excuses: being wrong, not misbehaving.
EXCUSABLE = ("value", "gradient")


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict on one contender on one case.

    admitted: the caveat that excuses it, where it was wrong as it said it would be.
    """

    contender: str
    case: Case
    verdict: Verdict
    admitted: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """The largest difference of two right contenders on one case, in units of the tolerance."""

    one: str
    other: str
    case: Case
    units: float


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All verdicts of a check, and how far right contenders are from each other."""

    checked: tuple[Checked, ...]
    pairs: tuple[Pair, ...]


def check(
    catalog: Catalog,
    races: Iterable[Race],
    *,
    supervisor: Supervisor | None = None,
    reporter: Reporter | None = None,
) -> CheckReport:
    """Examine every contender of every race against the oracle, and right ones pairwise.

    A contender that admits a weakness which shows on none of its cases is Wrong, at the stage
    "caveat", on the first of them.
    supervisor: in whose child processes the contenders run; in this process where None.
    """
    reporter = reporter or Silent()
    listener = _Listener(catalog, reporter)
    check_case = supervisor.check if supervisor is not None else _checks_here(catalog)
    for race in races:
        reporter.case(race)
        listener.case = race.case
        apart = check_case(race, listener)
        listener.pairs += [Pair(*pair, race.case, units) for pair, units in apart.items()]
    return CheckReport(tuple(_verify_caveats(catalog, listener.checked)), tuple(listener.pairs))


@dataclass(slots=True)
class _Listener:
    """Gathers verdicts, excused where the contender admits to be wrong."""

    catalog: Catalog
    reporter: Reporter
    checked: list[Checked] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    case: Case = field(init=False)

    def begin(self, name: str, stage: str) -> None:
        self.reporter.contender(name, stage)

    def done(self, name: str, outcome: Told, output: str = "") -> None:
        assert not isinstance(outcome, Measured | Profile)
        caveats = self.catalog.impl(self.case.op, name).caveats
        admitted = excuse(outcome, caveats, self.case)
        self.checked.append(Checked(name, self.case, outcome, admitted))


def excuse(verdict: Outcome | Verdict, caveats: Mapping[str, str], case: Case) -> str:
    """The caveat that excuses a wrong answer on this kind of input or layout; "" where none."""
    if isinstance(verdict, Wrong) and verdict.stage in EXCUSABLE:
        return caveats.get(case.inputs) or caveats.get(case.layout) or ""
    return ""


def _checks_here(catalog: Catalog) -> Callable[[Race, _Listener], Mapping[tuple[str, str], float]]:
    """Checks cases in this process."""
    from harness.runner import SpoiledError
    from harness.verifying import Verifier

    verifier = Verifier(catalog)

    def check_case(race: Race, listener: _Listener) -> Mapping[tuple[str, str], float]:
        witness = Here(listener)
        while waiting := witness.waiting(race):
            try:
                return verifier.check_case(waiting, witness=witness)
            except SpoiledError:
                continue
        return {}

    return check_case


def _verify_caveats(catalog: Catalog, checked: list[Checked]) -> list[Checked]:
    """The same verdicts, with an error for each admitted weakness that was tried and not seen."""
    found = list(checked)
    for op_name, contenders in catalog.impls.items():
        for contender in contenders.values():
            for kind, text in contender.caveats.items():
                tried = [
                    index
                    for index, item in enumerate(found)
                    if item.contender == contender.name
                    and item.case.op == op_name
                    and kind in (item.case.inputs, item.case.layout)
                    and isinstance(item.verdict, Right | Wrong)
                ]
                if tried and not any(found[index].admitted for index in tried):
                    first = found[tried[0]]
                    reason = f"admits {kind!r} ({text}), but was right on it: drop the caveat"
                    found[tried[0]] = Checked(first.contender, first.case, Wrong("caveat", reason))
    return found
