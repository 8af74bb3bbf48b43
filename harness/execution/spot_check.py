"""Check contenders on the small cases of their op, before its first race.

It is the check of `opbench check`, cut short where it would take long: it is bounded in the
processor time of the oracles, and in that of each contender, so that what is found doesn't depend
on what else the machine does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from opbench.harness.catalog import Catalog
from opbench.harness.correctness.caveats import expected_failure
from opbench.harness.execution import leaks
from opbench.harness.execution.check_case import CaseChecker
from opbench.harness.execution.checked_before import remember, right_before
from opbench.harness.execution.messages import JobResult, ObservedStage
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.execution.ready import TaintedError, interpreted, this_machine
from opbench.harness.planning.selection import Race
from opbench.harness.planning.spot_cases import is_spot_checked_on, spot_cases
from opbench.results.errors import OpFaultError
from opbench.results.records import Case, Failed, Right, Wrong

#: Seconds of processor time, of all inputs and oracles of an op, and of each contender. No further
#: case begins once they are spent.
ORACLES_S = 5.0
CONTENDER_S = 1.0


def spot_check(catalog: Catalog, race: Race, *, observer: Observer) -> None:
    """Report of each contender of a race what it fails of the small cases of its op, or Right.

    Right are also those that aren't checked: that were right before (`checked_before`), that are
    compiled or would be interpreted, and those that take too long, or run out of memory. Raises
    TaintedError, at the end, where a contender left something behind: a race then begins in another
    process.
    """
    before, found = leaks.snapshot(), _Findings(catalog=catalog, observer=observer)
    known = right_before(catalog, race)
    left = race.only(name for name in race.contenders if name not in known)
    if left.contenders:
        _check(catalog, left, found)
    for name in race.contenders:
        observer.done(name, found.refused.get(name, Right(0.0)))
    if leaks.restore(before) != leaks.Leaks() or found.ran_out_of_memory:
        raise TaintedError("a contender left something behind in the process")
    remember(catalog, left, [name for name in left.contenders if name not in found.refused])


def _check(catalog: Catalog, race: Race, found: _Findings) -> None:
    """Check the contenders of a race on the small cases, within the bounds."""
    checker, begun = CaseChecker(catalog), time.process_time()
    for spot in _spots(catalog, race):
        if time.process_time() - begun - sum(found.spent_s.values()) > ORACLES_S:
            break
        left = spot.only(name for name in spot.contenders if found.is_left(name))
        if left.contenders:
            found.begin_case(left)
            # A check says what is wrong with the op itself; here that says nothing of contenders.
            with suppress(OpFaultError, TaintedError):
                checker.check_case(left, observer=found, compares=False)


def _spots(catalog: Catalog, race: Race) -> Iterator[Race]:
    """The small cases, each with the contenders of a race that are checked on it."""
    op = catalog.op(race.case.op)
    contenders = [catalog.impl(op.name, name) for name in race.contenders]
    timed = [contender for contender in contenders if interpreted(contender) is None]
    for case in spot_cases(op, device=race.case.device, seed=race.case.seed):
        yield Race(case, tuple(c.name for c in timed if is_spot_checked_on(op, c, case)))


@dataclass(slots=True, kw_only=True)
class _Findings(NullObserver):
    """Collects what contenders fail, and how long they take."""

    catalog: Catalog
    #: Shows which contender is at work.
    observer: Observer
    #: By contender, the first of its verdicts that refuses it.
    refused: dict[str, Wrong | Failed] = field(default_factory=dict)
    #: By contender, seconds of processor time.
    spent_s: dict[str, float] = field(default_factory=dict)
    ran_out_of_memory: bool = False
    #: The case at work, and when its present contender began.
    _case: Case = field(init=False)
    _since: float = 0.0

    def is_left(self, name: str) -> bool:
        """Whether a contender is to be checked on further cases."""
        return name not in self.refused and self.spent_s.get(name, 0.0) <= CONTENDER_S

    def begin_case(self, race: Race) -> None:
        """Remember the case."""
        self._case = race.case

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a contender begins."""
        self.observer.begin(name, stage)
        self._since = time.process_time()

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Keep what refuses the contender, unless it admits it."""
        spent_s = time.process_time() - self._since
        self.spent_s[name] = self.spent_s.get(name, 0.0) + spent_s
        if isinstance(result, Failed) and result.stage == "inputs":
            return  # nobody's fault who is checked
        if isinstance(result, Failed) and result.cause == "memory":
            # Some layouts of small cases need more memory than large cases do.
            self.ran_out_of_memory, self.spent_s[name] = True, math.inf
        elif isinstance(result, Wrong | Failed):
            contender = self.catalog.impl(self._case.op, name)
            if not expected_failure(result, contender, self._case, this_machine()):
                reason = f"{result.reason} (on {self._case.label}: {self._case.sizes})"
                self.refused[name] = replace(result, reason=reason)
