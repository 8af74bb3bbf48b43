"""The check stage: every contender on every case; caveats have to show where they should."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue

from opbench.harness.catalog import Catalog
from opbench.harness.correctness.caveats import (
    Checked,
    MachineFacts,
    enforce_caveats,
    expected_failure,
    machine_facts,
)
from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import (
    InProcessObserver,
    NullObserver,
    Observer,
)
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.outcomes import OpFaults
from opbench.harness.planning.selection import Race
from opbench.results.records import Case, Failed, Right, Unsupported, Wrong


@dataclass(frozen=True, slots=True)
class Pair:
    """The largest difference of two right contenders on one case, in tolerances."""

    #: The names of both.
    one: str
    other: str
    #: The case that they were compared on.
    case: Case
    #: As a multiple of the tolerance.
    units: float


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All verdicts of a check, and the differences of right contenders."""

    #: A verdict for each contender and case.
    checked: tuple[Checked, ...]
    #: For each two right contenders and case.
    pairs: tuple[Pair, ...]
    #: Faults of ops themselves, a line each; no contender is judged on their cases.
    faults: tuple[str, ...] = ()


def check(
    catalog: Catalog,
    races: Iterable[Race],
    *,
    supervisors: Sequence[Supervisor] = (),
    observer: Observer | None = None,
) -> CheckReport:
    """Check every contender of every race against the oracle, and right ones pairwise.

        report = check(catalog, plan_checks(catalog, Selection(names=("patch_pooling",))))

    A contender with a caveat that has to show, and does on none of its cases, is Wrong, at the
    stage "caveat", on the first of them. Faults of ops are in the report and raise nothing.
    supervisors: run the contenders in child processes, several at a time; they run in this process
        where there are none.
    """
    machine = _machine(supervisors)
    checker = _Checker(catalog, observer or NullObserver(), machine)
    if supervisors:
        collectors = _side_by_side(checker, _shares(races), supervisors)
    else:
        collectors = [checker.check(races, _in_process(catalog))]
    checked = [item for collector in collectors for item in collector.checked]
    pairs = tuple(pair for collector in collectors for pair in collector.pairs)
    return CheckReport(
        tuple(enforce_caveats(catalog, checked, machine)), pairs, checker.faults.texts
    )


#: Checks the contenders of a case; returns the largest difference of each two right ones.
CheckCase = Callable[[Race, Observer], Mapping[tuple[str, str], float]]


def _shares(races: Iterable[Race]) -> list[list[Race]]:
    """The races of each op in each dtype: what is compiled for one of them serves the others."""
    shares: dict[tuple[str, str], list[Race]] = {}
    for race in races:
        shares.setdefault((race.case.op, race.case.dtype), []).append(race)
    return list(shares.values())


def _side_by_side(
    checker: _Checker, shares: list[list[Race]], supervisors: Sequence[Supervisor]
) -> list[_Collector]:
    """Check every share in one of the supervisors, whichever is free."""
    free: SimpleQueue[Supervisor] = SimpleQueue()
    for supervisor in supervisors:
        free.put(supervisor)

    def check_share(share: list[Race]) -> _Collector:
        """Check a share in a free supervisor, and free it again."""
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
    """Checks races one after the other."""

    catalog: Catalog
    #: Draws the progress.
    observer: Observer
    #: Decides which caveats hold.
    machine: MachineFacts
    #: Those of the ops, as they come up.
    faults: OpFaults = field(default_factory=OpFaults)

    def check(self, races: Iterable[Race], check_case: CheckCase) -> _Collector:
        """Check the races, and return the verdicts collected."""
        collector = _Collector(catalog=self.catalog, observer=self.observer, machine=self.machine)
        for race in races:
            collector.begin_case(race)
            with self.faults.collect(race.case):
                differences = check_case(race, collector)
                collector.pairs += [
                    Pair(one, other, race.case, units)
                    for (one, other), units in differences.items()
                ]
            collector.end_case(race)
        return collector


@dataclass(slots=True, kw_only=True)
class _Collector(NullObserver):
    """Collects verdicts, with the caveats that make some of them expected."""

    catalog: Catalog
    #: Draws the progress.
    observer: Observer
    machine: MachineFacts
    #: The verdicts so far.
    checked: list[Checked] = field(default_factory=list)
    #: The differences so far.
    pairs: list[Pair] = field(default_factory=list)
    #: The current case.
    _case: Case = field(init=False)

    def begin_case(self, race: Race) -> None:
        """Work on a case begins: what follows are its verdicts."""
        self._case = race.case
        self.observer.begin_case(race)

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a contender begins a stage."""
        self.observer.begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep the verdict."""
        assert isinstance(result, Right | Wrong | Unsupported | Failed)
        contender = self.catalog.impl(self._case.op, name)
        admitted = expected_failure(result, contender, self._case, self.machine)
        self.checked.append(Checked(name, self._case, result, admitted))
        self.observer.done(name, result, output)

    def end_case(self, race: Race) -> None:
        """Work on the case is over."""
        self.observer.end_case(race)


def _machine(supervisors: Sequence[Supervisor]) -> MachineFacts:
    """The facts of the machine that contenders are checked on."""
    if supervisors:
        return machine_facts(supervisors[0].environment())
    from opbench.harness.machine.environment import describe

    return machine_facts(describe())


def _in_process(catalog: Catalog) -> CheckCase:
    """The function that checks cases in this process."""
    from opbench.harness.execution.check_case import CaseChecker
    from opbench.harness.execution.ready import TaintedError

    checker = CaseChecker(catalog)

    def check_case(race: Race, observer: Observer) -> Mapping[tuple[str, str], float]:
        """Check a case, going on in this process after a contender taints it."""
        passed_on = InProcessObserver(observer)
        while waiting := passed_on.waiting(race):
            try:
                return checker.check_case(waiting, observer=passed_on)
            except TaintedError:
                continue
        return {}

    return check_case
