"""What others did to the cores while contenders were raced. No torch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from opbench.harness.machine.noise import Usage, fewer_threads
from opbench.harness.system.cores import usable_cores

#: What others may use before it is told; a little is hidden by what was begun and ended meanwhile.
_OTHERS_CORES = 0.25


@dataclass(frozen=True, slots=True)
class Watch:
    """Sees what others do to the cores while something is measured."""

    before: Usage

    @classmethod
    def begun(cls) -> Watch:
        """One that begins now."""
        return cls(Usage.now())

    def warnings(self, *, threads: Collection[int]) -> tuple[str, ...]:
        """What was wrong since it began, where so many threads were used."""
        others, busiest, _ = self.before.until(Usage.now())
        return judge_race(
            others_cores=others,
            busiest=busiest,
            threads=max(threads, default=0),
            usable_cores=usable_cores(),
        )


def judge_race(
    *, others_cores: float, busiest: tuple[str, float] | None, threads: int, usable_cores: int
) -> tuple[str, ...]:
    """What to tell after a race on so many threads, while others used so many cores' time."""
    fewer = fewer_threads(threads, usable_cores)
    if others_cores <= _OTHERS_CORES or not fewer:
        return ()
    named = f", {busiest[0]} alone {busiest[1]:.0%}" if busiest else ""
    return (
        f"Other processes used {others_cores:.0%} of a core{named} meanwhile. Stop them{fewer}.",
    )
