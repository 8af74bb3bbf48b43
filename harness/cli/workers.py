"""The worker processes of verbs that run contenders.

They start at once, and import torch while the command plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from opbench.harness.system.lazy_import import import_lazily
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.execution.process import Limits
    from opbench.harness.execution.supervisor import Supervisor


@contextmanager
def supervised(modules: tuple[str, ...], limits: Limits | None) -> Iterator[Supervisor | None]:
    """The supervisor of the processes that contenders run in; None where they run in this one.

    modules, limits: as in `supervisors`.
    """
    with supervisors(modules, limits, number=1) as started:
        yield started[0] if started else None


@contextmanager
def supervisors(
    modules: tuple[str, ...], limits: Limits | None, *, number: int
) -> Iterator[Sequence[Supervisor]]:
    """Supervisors for work that is done side by side; none where it is done in this process.

    modules: as given by --load. limits: of each of them; None for work in this process. Raises
    SelectionError if a worker doesn't start: it loads what this process loads.
    """
    if limits is None:
        from opbench.harness.execution.worker import quiet_torch

        quiet_torch()
        yield ()
        return
    from opbench.harness.execution.process import WorkerError
    from opbench.harness.execution.supervisor import Supervisor
    from opbench.harness.pipeline.anchors import MODULE

    # This process plans and records; only its workers wait for torch.
    import_lazily("torch")
    try:
        with ExitStack() as stack:
            loaded = (*modules, MODULE)
            yield [stack.enter_context(Supervisor(loaded, limits=limits)) for _ in range(number)]
    except WorkerError as error:
        raise SelectionError(str(error)) from error
