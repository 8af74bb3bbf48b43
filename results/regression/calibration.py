"""How often a gate errs on this machine: derived from recorded units, and kept."""

from __future__ import annotations

from opbench.results.records import METHODS, Calibration, GateRules, Power
from opbench.results.records.machine import Machine
from opbench.results.regression import resampling
from opbench.results.regression.resampling import Pool
from opbench.results.statistics.intervals import median


def calibration_of(
    pool: Pool,
    rules: GateRules,
    *,
    machine: Machine,
    created: str,
    sessions: int,
    slowed_sessions: int,
) -> Calibration:
    """What so many resampled sessions say, of each kind.

    Raises RunFolderError where units of a needed kind weren't measured.
    """
    told = resampling.unchanged(pool, rules, sessions=sessions)
    powers = []
    for share in pool.shares:
        found = resampling.slowed(pool, rules, share, sessions=slowed_sessions)["found"]
        powers.append(Power(share, found, slowed_sessions))
    spreads = {method: resampling.spread(pool, method) for method in METHODS}
    return Calibration(
        environment_key=machine.environment_key,
        device=machine.device,
        threads=machine.threads,
        created=created,
        rules=rules,
        subjects=len(pool.subjects()),
        sessions=sessions,
        failed=told["failed"],
        void=told["void"],
        inconclusive=told["inconclusive"],
        powers=tuple(powers),
        # One unit alone has no spread.
        spreads=tuple((m, median(list(found.values()))) for m, found in spreads.items() if found),
    )
