"""Profile contenders, case by case, and record it.

No profiler runs during a race, so that none taints a timing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from opbench.harness.catalog import Catalog
from opbench.harness.execution.messages import Tracing
from opbench.harness.execution.observer import InProcessObserver, NullObserver, Observer
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.outcomes import OpFaults
from opbench.harness.pipeline.recorder import ProfileRecorder, ensure_none
from opbench.harness.planning.selection import Race
from opbench.results.records import Profile, Record
from opbench.results.records.run_folder import RunFolder


def profile(
    catalog: Catalog,
    races: Iterable[Race],
    folder: RunFolder,
    *,
    supervisor: Supervisor | None = None,
    observer: Observer | None = None,
    tracing: Tracing | None = None,
) -> tuple[Profile | Record, ...]:
    """Profile every contender on every case; each trace lies below the run's `traces` folder.

        profile(catalog, plan(catalog, Selection(names=("patch_pooling",))), folder)

    Returns a Profile for each contender that ran, and a Record for each that didn't.
    supervisor: as in `run`. tracing: how it is traced; as usual where None. Raises
    DeclarationError, at the end, if ops are at fault.
    """
    recorder = ProfileRecorder(catalog=catalog, folder=folder, observer=observer or NullObserver())
    tracing, faults = tracing or Tracing(), OpFaults()
    for race in races:
        recorder.begin_case(race)
        with faults.collect(race.case):
            if supervisor is not None:
                supervisor.profile(race, folder.path, recorder, tracing=tracing)
            else:
                _profile_here(catalog, race, folder, recorder, tracing)
        recorder.end_case(race)
    ensure_none(faults, folder)
    return tuple(recorder.written)


def _profile_here(
    catalog: Catalog, race: Race, folder: RunFolder, recorder: ProfileRecorder, tracing: Tracing
) -> None:
    """Profile the contenders in this process, going on after one taints it."""
    from opbench.harness.execution.profile_case import profile_case
    from opbench.harness.execution.ready import TaintedError

    observer = InProcessObserver(recorder)
    while waiting := observer.waiting(race):
        with contextlib.suppress(TaintedError):
            profile_case(catalog, waiting, folder=folder.path, observer=observer, tracing=tracing)
