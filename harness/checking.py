"""The check stage: every contender on every case, with admitted weaknesses verified both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue

from harness.catalog import Catalog
from harness.pipeline import Here, Reporter, Silent
from harness.planning import Race
from harness.supervisor import Supervisor
from harness.worker import Told
from results.record import Case, Failed, Outcome, Right, Unsupported, Verdict, Wrong

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
    supervisors: Sequence[Supervisor] = (),
    reporter: Reporter | None = None,
) -> CheckReport:
    """Examine every contender of every race against the oracle, and right ones pairwise.

    A contender that admits a weakness which shows on none of its cases is Wrong, at the stage
    "caveat", on the first of them.
    supervisors: in whose child processes the contenders run, several at a time; in this process
        where there are none.
    """
    checker = _Checker(catalog, reporter or Silent())
    if supervisors:
        found = _side_by_side(checker, _shares(races), supervisors)
    else:
        found = [checker.check(races, _checks_here(catalog))]
    checked = [item for listener in found for item in listener.checked]
    pairs = tuple(pair for listener in found for pair in listener.pairs)
    return CheckReport(tuple(_verify_caveats(catalog, checked)), pairs)


#: Checks the contenders of a case, and tells how far the right ones are from each other.
CheckCase = Callable[[Race, "_Listener"], Mapping[tuple[str, str], float]]


def _shares(races: Iterable[Race]) -> list[list[Race]]:
    """The races of each op in each dtype: what is compiled for one of them serves the others."""
    shares: dict[tuple[str, str], list[Race]] = {}
    for race in races:
        shares.setdefault((race.case.op, race.case.dtype), []).append(race)
    return list(shares.values())


def _side_by_side(
    checker: _Checker, shares: list[list[Race]], supervisors: Sequence[Supervisor]
) -> list[_Listener]:
    """Every share checked by one of the supervisors, whichever is free."""
    free: SimpleQueue[Supervisor] = SimpleQueue()
    for supervisor in supervisors:
        free.put(supervisor)

    def check_share(share: list[Race]) -> _Listener:
        supervisor = free.get()
        try:
            return checker.check(share, supervisor.check)
        finally:
            free.put(supervisor)

    pool = ThreadPoolExecutor(len(supervisors))
    try:
        return list(pool.map(check_share, shares))
    finally:
        # After Ctrl-C nothing new begins; what goes on ends with its supervisor.
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Checker:
    """Checks races one after the other, telling a reporter."""

    catalog: Catalog
    reporter: Reporter

    def check(self, races: Iterable[Race], check_case: CheckCase) -> _Listener:
        """What was found out about the races."""
        listener = _Listener(self.catalog, self.reporter)
        for race in races:
            self.reporter.case(race)
            listener.case = race.case
            apart = check_case(race, listener)
            listener.pairs += [Pair(*pair, race.case, units) for pair, units in apart.items()]
        return listener


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
        assert isinstance(outcome, Right | Wrong | Unsupported | Failed)
        caveats = self.catalog.impl(self.case.op, name).caveats
        admitted = excuse(outcome, caveats, self.case)
        self.checked.append(Checked(name, self.case, outcome, admitted))


def excuse(verdict: Outcome | Verdict, caveats: Mapping[str, str], case: Case) -> str:
    """The caveat that excuses a wrong answer on this kind of input or layout; "" where none."""
    if isinstance(verdict, Wrong) and verdict.stage in EXCUSABLE:
        return caveats.get(case.inputs) or caveats.get(case.layout) or ""
    return ""


def _checks_here(catalog: Catalog) -> CheckCase:
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
