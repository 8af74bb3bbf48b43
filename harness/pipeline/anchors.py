"""Time the machine's anchors at the beginning of a run, so that its days can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from opbench.harness.catalog import Catalog, load
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.pipeline.run import run
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Race, Selection
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Record, Rules
from opbench.results.records.run_folder import RunFolder

#: What declares them; a worker that is to time them has to load it.
MODULE = "opbench.harness.machine.anchors"
#: Three anchors take a few seconds together with their checks. Each is alone in its race: one
#: untimed call between blocks will do. It takes all of its time: a precise figure of a few
#: milliseconds would tell of these alone.
POLICY = Policy(rules=Rules(precision=0.0), budget_s=0.4, pilot_s=0.1, warmup_calls=1)


def catalog() -> Catalog:
    """The anchors alone."""
    return load(MODULE, entry_points=False)


def races(*, devices: tuple[str, ...], threads: int) -> tuple[Race, ...]:
    """The anchors on each device; threads: as in `Selection`."""
    return plan(catalog(), Selection(devices=devices, threads=threads))


def anchor(
    folder: RunFolder,
    settings: Iterable[Race],
    *,
    budget_s: float = POLICY.budget_s,
    supervisor: Supervisor | None = None,
) -> tuple[Record, ...]:
    """Time the anchors on the devices and threads of the races, unless the run has them already.

    budget_s: seconds for each, where that is less than the usual. supervisor: in whose child
    processes, which load `MODULE`; in this process where None. Returns their records.
    """
    used = dict.fromkeys((race.case.device, race.case.threads) for race in settings)
    wanted = [race for device, n in used for race in races(devices=(device,), threads=n)]
    policy = replace(POLICY, budget_s=min(budget_s, POLICY.budget_s))
    return run(catalog(), wanted, folder, policy=policy, supervisor=supervisor)
