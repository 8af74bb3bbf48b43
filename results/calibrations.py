"""How often a gate errs on this machine: derived from recorded units, and kept."""

from __future__ import annotations

from pathlib import Path

from results import kept, resampling
from results.record import Calibration, GateRules, Power
from results.resampling import Pool
from results.stats import median
from results.table import Table
from results.validation import is_sound

METHODS = ("twins", "pairs")


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
    return Calibration(
        *machine,
        created,
        rules,
        len(pool.subjects()),
        sessions,
        told["failed"],
        told["void"],
        told["inconclusive"],
        tuple(powers),
        # One unit alone has no spread.
        tuple((m, median(list(found.values()))) for m, found in spreads.items() if found),
    )


def calibration_table(known: Calibration) -> Table:
    """What sessions come to: by what was injected, the share that failed for it."""
    rows = [("nothing", *_row(known.failed, known.sessions))]
    rows += [
        (f"{power.slowdown:.1%} in one", *_row(power.found, power.sessions))
        for power in known.powers
    ]
    spreads = ", ".join(f"{spread:.2%} for {method}" for method, spread in known.spreads)
    between = f"; sd between units {spreads}" if spreads else ""
    title = (
        f"sessions of {known.subjects} contenders and cases on {known.device}, {known.threads} "
        f"threads, resampled{between}; of the unchanged {known.void} void, "
        f"{known.inconclusive} inconclusive"
    )
    return Table(title, ("injected", "failed for it", "of", "95% interval"), tuple(rows))


def find(
    environment_key: str, device: str, *, threads: int, root: str | Path | None = None
) -> Calibration | None:
    """What is kept for a machine; None where there is nothing that can be read."""
    path = _path(environment_key, device, threads, root)
    found = kept.read(path, lambda value: isinstance(value, Calibration) and is_sound(value))
    if not isinstance(found, Calibration):
        return None
    same = (found.environment_key, found.device, found.threads)
    return found if same == (environment_key, device, threads) else None


def save(known: Calibration, *, root: str | Path | None = None) -> None:
    """Keep a calibration in the place of an earlier one.

    Raises OpbenchError where the folder cannot be written.
    """
    path = _path(known.environment_key, known.device, known.threads, root)
    kept.write(path, known, what="the gate's calibration")


def _row(count: int, trials: int) -> tuple[str, str, str]:
    share = resampling.rate(count, trials)
    return str(count), str(trials), f"{share.low:.1%} to {share.high:.1%}"


def _path(environment_key: str, device: str, threads: int, root: str | Path | None) -> Path:
    folder = Path(root) if root else kept.folder("calibrations")
    return kept.path_of(folder, environment_key, device, threads=threads)
