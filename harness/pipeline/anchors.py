"""Time the anchors at the beginning of a run, by which the machine's days can be compared.

They are recorded as any other job, and distinguished from contenders by their ops.
"""

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

#: The module that declares them; a worker that times them has to load it.
MODULE = "opbench.harness.machine.anchors"
#: Three anchors take a few seconds together with their checks. Each is alone in its race: one
#: untimed call between blocks will do. It takes all of its time: a precise figure of a few
#: milliseconds would speak of these alone.
POLICY = Policy(rules=Rules(precision=0.0), budget_s=0.4, pilot_s=0.1, warmup_calls=1)


def catalog() -> Catalog:
    """The catalogue of the anchors alone."""
    return load(MODULE, entry_points=False)


def races(*, devices: tuple[str, ...], threads: int) -> tuple[Race, ...]:
    """The races of the anchors on each device; threads: as in `Selection`."""
    return plan(catalog(), Selection(devices=devices, threads=threads))


def anchor(
    folder: RunFolder,
    raced: Iterable[Race],
    *,
    budget_s: float = POLICY.budget_s,
    supervisor: Supervisor | None = None,
) -> tuple[Record, ...]:
    """Time the anchors on the devices and threads of some races, unless the run has them already.

    budget_s: seconds for each, if that is less than the default. supervisor: runs them in child
    processes, which load `MODULE`; they run in this process where None. Returns their records.
    """
    used = dict.fromkeys((race.case.device, race.case.threads) for race in raced)
    of_anchors = [race for device, n in used for race in races(devices=(device,), threads=n)]
    policy = replace(POLICY, budget_s=min(budget_s, POLICY.budget_s))
    return run(
        catalog(), of_anchors, folder, policy=policy, supervisor=supervisor, spot_check=False
    )
