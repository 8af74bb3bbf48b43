"""Watch how other processes use the cores while contenders are raced. No torch.

A probe before the races can't see what begins during them. The watch compares the usage at its
begin with that at its end, and warns where threads on every core had to share with other processes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from opbench.harness.machine.noise import fewer_threads
from opbench.harness.machine.usage import Usage
from opbench.harness.system.cores import usable_cores

#: Cores that others may use without a warning. A little of what they use is hidden: processes that
#: begin and end meanwhile.
_OTHERS_CORES = 0.25


@dataclass(frozen=True, slots=True)
class Watch:
    """A watch on the cores that others use during a measurement."""

    #: The usage up to its begin.
    before: Usage

    @classmethod
    def begun(cls) -> Watch:
        """A watch that begins now."""
        return cls(Usage.now())

    def warnings(self, *, threads: Collection[int]) -> tuple[str, ...]:
        """Warnings for a measurement since the begin.

        threads: the numbers of threads that were measured on.
        """
        others, busiest, _ = self.before.until(Usage.now())
        return diagnose_race(
            others_cores=others,
            busiest=busiest,
            threads=max(threads, default=0),
            usable_cores=usable_cores(),
        )


def diagnose_race(
    *, others_cores: float, busiest: tuple[str, float] | None, threads: int, usable_cores: int
) -> tuple[str, ...]:
    """Warnings for a race on `threads` of `usable_cores`, during which others used some cores.

    busiest: of the others, its name and the cores that it used.
    """
    fewer = fewer_threads(threads, usable_cores)
    if others_cores <= _OTHERS_CORES or not fewer:
        return ()
    named = f", {busiest[0]} alone {busiest[1]:.0%}" if busiest else ""
    return (
        f"Other processes used {others_cores:.0%} of a core{named} meanwhile. Stop them{fewer}.",
    )
