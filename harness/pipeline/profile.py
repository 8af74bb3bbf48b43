"""Profile contenders, case by case, and record it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from opbench.harness.catalog import Catalog
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.outcomes import OpFaults
from opbench.harness.pipeline.recorder import Here, ProfileRecorder, Reporter, Silent, ensure_none
from opbench.harness.planning.selection import Race
from opbench.results.records import Profile, Record
from opbench.results.records.run_folder import RunFolder


def profile(
    catalog: Catalog,
    races: Iterable[Race],
    folder: RunFolder,
    *,
    supervisor: Supervisor | None = None,
    reporter: Reporter | None = None,
) -> tuple[Profile | Record, ...]:
    """Profile every contender on every case; a trace each below the run's `traces` folder.

    supervisor: as in `run`. Returns a Profile for each contender that ran, a Record for each that
    did not. Raises DeclarationError as `run`.
    """
    reporter = reporter or Silent()
    recorder, faults = ProfileRecorder(catalog, folder, reporter), OpFaults()
    for race in races:
        reporter.case(race)
        recorder.case = race.case
        with faults.noted(race.case):
            if supervisor is not None:
                supervisor.profile(race, folder.path, recorder)
            else:
                _profile_here(catalog, race, folder, recorder)
        reporter.finished(race)
    ensure_none(faults, folder)
    return tuple(recorder.found)


def _profile_here(
    catalog: Catalog, race: Race, folder: RunFolder, recorder: ProfileRecorder
) -> None:
    from opbench.harness.execution.profile_case import profile_case
    from opbench.harness.execution.ready import SpoiledError

    witness = Here(recorder)
    while waiting := witness.waiting(race):
        with contextlib.suppress(SpoiledError):
            profile_case(catalog, waiting, folder=folder.path, witness=witness)
