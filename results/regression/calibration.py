"""How often a gate errs on this machine: derived from recorded units, and kept."""

from __future__ import annotations

from pathlib import Path

from opbench.results.records import METHODS, Calibration, GateRules, Power, machine_cache
from opbench.results.records.validation import is_sound
from opbench.results.regression import resampling
from opbench.results.regression.resampling import Pool
from opbench.results.statistics.intervals import median


def calibration_of(
    pool: Pool,
    rules: GateRules,
    *,
    machine: tuple[str, str, int],
    created: str,
    sessions: int,
    slowed_sessions: int,
) -> Calibration:
    """What so many resampled sessions say, of each kind.

    machine: key of the environment, device and threads. Raises RunFolderError where units of a
    kind that is needed weren't recorded.
    """
    told = resampling.unchanged(pool, rules, sessions=sessions)
    powers = []
    for share in pool.shares:
        found = resampling.slowed(pool, rules, share, sessions=slowed_sessions)["found"]
        powers.append(Power(share, found, slowed_sessions))
    spreads = {method: resampling.spread(pool, method) for method in METHODS}
    environment_key, device, threads = machine
    return Calibration(
        environment_key=environment_key,
        device=device,
        threads=threads,
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


def find(
    environment_key: str, device: str, *, threads: int, root: str | Path | None = None
) -> Calibration | None:
    """What is kept for a machine; None where there is nothing that can be read."""
    path = _path(environment_key, device, threads, root)
    found = machine_cache.read(
        path, lambda value: isinstance(value, Calibration) and is_sound(value)
    )
    if not isinstance(found, Calibration):
        return None
    same = (found.environment_key, found.device, found.threads)
    return found if same == (environment_key, device, threads) else None


def save(known: Calibration, *, root: str | Path | None = None) -> None:
    """Keep a calibration in the place of an earlier one.

    Raises OpbenchError where the folder cannot be written.
    """
    path = _path(known.environment_key, known.device, known.threads, root)
    machine_cache.write(path, known, what="the gate's calibration")


def _path(environment_key: str, device: str, threads: int, root: str | Path | None) -> Path:
    folder = Path(root) if root else machine_cache.folder("calibrations")
    return machine_cache.path_of(folder, environment_key, device, threads=threads)
