"""The calibration of a machine: the error rates of its gates, from recorded units."""

from __future__ import annotations

from opbench.results.records import METHODS, Calibration, GateRules, Power
from opbench.results.records.machine import Machine
from opbench.results.regression import resampling
from opbench.results.regression.resampling import Replicates
from opbench.results.statistics.intervals import median


def calibration_of(
    replicates: Replicates,
    rules: GateRules,
    *,
    machine: Machine,
    created: str,
    sessions: int,
    slowed_sessions: int,
) -> Calibration:
    """The calibration of a machine from so many simulated sessions of each kind.

    created: when the units were recorded. Raises RunFolderError where units of a needed kind
    weren't.
    """
    unchanged = resampling.simulate_unchanged(replicates, rules, sessions=sessions)
    powers = []
    for slowdown in replicates.slowdowns:
        outcomes = resampling.simulate_slowed(replicates, rules, slowdown, sessions=slowed_sessions)
        powers.append(Power(slowdown, outcomes["found"], slowed_sessions))
    spreads = {method: resampling.spread(replicates, method) for method in METHODS}
    return Calibration(
        environment_key=machine.environment_key,
        device=machine.device,
        threads=machine.threads,
        created=created,
        rules=rules,
        subjects=len(replicates.subjects()),
        sessions=sessions,
        failed=unchanged["failed"],
        void=unchanged["void"],
        inconclusive=unchanged["inconclusive"],
        powers=tuple(powers),
        # One unit alone has no spread.
        spreads=tuple((m, median(list(of.values()))) for m, of in spreads.items() if of),
    )
