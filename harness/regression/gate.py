"""A gate's session: both versions timed in fresh processes, until each contender is decided.

Contenders are screened, as twins in one process where both versions can share it. The suspects are
timed again in fresh processes; those that fresh twins confirm are timed in fresh pairs, which may
refute it. The A/A control goes with screening and confirming: where the base differs from itself,
nothing that was measured is to be believed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence

from opbench.harness.planning.selection import Race
from opbench.harness.regression.comparison import ComparisonPlan
from opbench.harness.regression.session import (
    Session,
    SessionObserver,
    UnitKey,
    races_with,
    races_without,
)
from opbench.harness.regression.units import take
from opbench.results.records import GateRules, Method
from opbench.results.records.run_folder import RunFolder
from opbench.results.regression import verdicts

#: The share of the budget that confirming may take beyond it.
CONFIRM_SHARE = 0.5


def gate(
    comparison: ComparisonPlan,
    folder: RunFolder,
    *,
    method: Method,
    rules: GateRules,
    budget_s: float,
    observer: SessionObserver | None = None,
    allow_pairs: bool = True,
) -> None:
    """Time both versions until each contender is decided or the budget is spent, recording units.

    method: how contenders are screened: "twins" or "pairs". allow_pairs: whether contenders whose
    versions can't be twins are timed as pairs.
    """
    session = Session(
        comparison=comparison,
        rules=rules,
        folder=folder,
        observer=observer or SessionObserver(),
        deadline=time.monotonic() + budget_s,
        allow_pairs=allow_pairs,
    )
    _screen(session, method)
    _confirm(session, method, budget_s)
    _verify(session)


def sample(
    comparisons: Sequence[ComparisonPlan],
    folder: RunFolder,
    *,
    method: Method,
    number: int,
    observer: SessionObserver | None = None,
) -> None:
    """Record one unit of everything in each comparison, in turn, whatever it shows.

    Each takes as long as one of suspects. Sessions can be resampled from such units: screening and
    confirming from twins, verifying from pairs.
    """
    for comparison in comparisons:
        session = Session(
            comparison=comparison,
            rules=GateRules(),
            folder=folder,
            observer=observer or SessionObserver(),
            deadline=math.inf,
        )
        unit = UnitKey("screen" if method == "twins" else "verify", number, method)
        _announce(session, unit, comparison.races)
        take(session, comparison.races, comparison.control, unit, verdicts.SUSPECT_S)


def _screen(session: Session, method: Method) -> None:
    """Time everything, for longer as it goes on, until suspects are distinguished from the rest."""
    for turn in verdicts.screening_turns(session.units, session.rules):
        left = session.left(session.comparison.races, turn.decided)
        if not left or (turn.may_end and session.is_over):
            return
        unit = UnitKey("screen", turn.number, method)
        _announce(session, unit, left)
        # The base is raced against itself until that is decided too, and as often as any other.
        decided = verdicts.decided_controls(session.units, session.rules)
        take(session, left, races_without(session.comparison.control, decided), unit, turn.seconds)


def _confirm(session: Session, method: Method, budget_s: float) -> None:
    """Time the suspects in fresh processes, and their base against itself beside them."""
    suspects = verdicts.suspects(session.units, session.rules)
    races = races_with(session.comparison.races, suspects)
    # Screening may have used up all of the time, and a suspicion must not be left unexamined.
    session.deadline = max(session.deadline, time.monotonic() + CONFIRM_SHARE * budget_s)
    for turn in verdicts.confirming_turns(session.units, session.rules):
        left = session.left(races, turn.decided)
        if not left or (turn.may_end and session.is_over):
            return
        unit = UnitKey("confirm", turn.number, method)
        _announce(session, unit, left)
        take(session, left, left, unit, turn.seconds)


def _verify(session: Session) -> None:
    """Time those in fresh pairs that fresh twins confirmed."""
    confirmed = verdicts.confirmed_twins(session.units, session.rules)
    for number in range(verdicts.PAIRS):
        left = session.left(races_with(session.comparison.races, confirmed), frozenset())
        if not left:
            return
        unit = UnitKey("verify", number, "pairs")
        _announce(session, unit, left)
        take(session, left, (), unit, verdicts.SUSPECT_S)


def _announce(session: Session, unit: UnitKey, races: Iterable[Race]) -> None:
    """Notify the observer of a unit, and of how many contenders are undecided."""
    left = sum(len(race.contenders) for race in races)
    session.observer.begin_unit(unit.role, unit.number, left)
