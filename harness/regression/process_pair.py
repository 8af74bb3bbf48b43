"""Two versions in a process each, timed in blocks that take turns while the other is suspended.

A process that waits still takes from the one that is timed: its threads spin, its pages compete.
So it is suspended, as by Ctrl-Z, until it is its turn.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType

from opbench.harness.execution.messages import (
    BlocksReady,
    ContenderResult,
    Job,
    JobEnd,
    Message,
    StageStart,
    TimeRequest,
    WorkerConfig,
)
from opbench.harness.execution.process import Death, Limits, WorkerProcess
from opbench.harness.planning.selection import Race
from opbench.harness.timing.stopping import Policy
from opbench.results.records import (
    Environment,
    Failed,
    Measured,
    Outcome,
    Paired,
    SideName,
    Unpaired,
    Unsupported,
    Wrong,
)

#: Length of a block, in seconds: many short ones are surer than a few long ones.
BLOCK_S = 0.0005
#: Rounds that are taken however long they last, and the most that are kept.
FEWEST, MOST = 5, 400


class SideDiedError(Exception):
    """The process of a side died, over a contender or, where that is "", over none."""

    def __init__(self, side: SideName, death: Death) -> None:
        """side: whose process died. death: with the contender that was running."""
        super().__init__(death.failed.reason)
        self.side, self.contender, self.failed = side, death.contender, death.failed


class ProcessPair:
    """A fresh process for each side, two of which are timed at once; use it in a `with` statement.

    sides: "base" and those that it is compared with: "head", and "again" for itself.
    """

    def __init__(self, sides: Mapping[SideName, WorkerConfig], limits: Limits) -> None:
        """limits: of contenders, in each process."""
        self._sides, self._limits = dict(sides), limits
        self._workers: dict[SideName, WorkerProcess] = {}

    def __enter__(self) -> ProcessPair:
        """Start all processes, which load their versions side by side."""
        for side, config in self._sides.items():
            self._workers[side] = WorkerProcess(config)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.end()

    def environments(self) -> dict[SideName, Environment]:
        """The environment of each side. Raises WorkerError if a process doesn't start."""
        return {side: worker.handshake() for side, worker in self._workers.items()}

    def times(
        self,
        race: Race,
        *,
        seconds: float,
        order: int,
        checked: bool,
        other: SideName = "head",
        injected: Mapping[str, float] | None = None,
    ) -> dict[str, Paired | Unpaired]:
        """The times of each contender of a case in the base and on another side, or its refusals.

        seconds: for each contender. checked, injected: as in `Job`. Raises SideDiedError if a
        process dies.
        """
        self.environments()
        pair: tuple[SideName, SideName] = ("base", other)
        job = _blocks_job(race, checked=checked, injected=injected or {})
        with self._suspended_but(pair):
            refused = {side: self._prepare(side, job) for side in pair}
            for side in pair:
                self._workers[side].suspend()
            results: dict[str, Paired] = {}
            rng = random.Random(f"{race.case.key}/{order}")
            for name in race.contenders:
                if not any(name in refused[side] for side in pair):
                    results[name] = self._rounds(name, race, pair, seconds, rng)
            for side in pair:
                self._workers[side].resume()
                refused[side] |= self._finish(side, race)
        outcomes = {name: [refused[side].get(name) for side in pair] for name in race.contenders}
        return {name: Unpaired(*o) if any(o) else results[name] for name, o in outcomes.items()}

    def refused(self, side: SideName, race: Race) -> dict[str, Outcome]:
        """The outcomes of contenders that a side can't check and call; SideDiedError if it dies."""
        self.environments()
        refused = self._prepare(side, _blocks_job(race, checked=True, injected={}))
        return refused | self._finish(side, race)

    @contextmanager
    def _suspended_but(self, pair: tuple[SideName, SideName]) -> Iterator[None]:
        """Suspend the processes of all other sides meanwhile."""
        others = [worker for side, worker in self._workers.items() if side not in pair]
        for worker in others:
            worker.suspend()
        yield
        for worker in others:
            worker.resume()

    def _rounds(
        self,
        name: str,
        race: Race,
        pair: tuple[SideName, SideName],
        seconds: float,
        rng: random.Random,
    ) -> Paired:
        """Time a contender in both processes, in rounds of an order drawn anew.

        Takes FEWEST rounds at least, and MOST at most, until the seconds are over.
        """
        taken: dict[SideName, list[float]] = {side: [] for side in pair}
        start = time.monotonic()
        for number in range(MOST):
            if number >= FEWEST and time.monotonic() - start > seconds:
                break
            for side in rng.sample(pair, 2):
                taken[side].append(self._block(side, name, race))
        return Paired(*(tuple(taken[side]) for side in pair))

    def _block(self, side: SideName, name: str, race: Race) -> float:
        """Time one block of a contender on a side, in seconds per call."""
        worker = self._workers[side]
        worker.resume()
        worker.send(TimeRequest(name))
        taken = self._receive_time(side, race)
        worker.suspend()
        return taken

    def _prepare(self, side: SideName, job: Job) -> dict[str, Outcome]:
        """Have a side prepare a job; the outcomes of those contenders that it can't time."""
        self._workers[side].send(replace(job, side=side))
        return self._receive_until(BlocksReady, side, job.race)

    def _finish(self, side: SideName, race: Race) -> dict[str, Outcome]:
        """Have a side end its job; the outcomes of those contenders that turned out wrong."""
        self._workers[side].send(TimeRequest(""))
        return self._receive_until(JobEnd, side, race)

    def _receive_until(self, kind: type, side: SideName, race: Race) -> dict[str, Outcome]:
        """The outcomes of contenders that a side sends before a message of the kind."""
        outcomes: dict[str, Outcome] = {}
        while not isinstance(message := self._receive(side, race), kind):
            if isinstance(message, StageStart):
                self._workers[side].send(None)
            elif isinstance(message, ContenderResult):
                assert isinstance(message.result, Measured | Wrong | Unsupported | Failed)
                outcomes[message.contender] = message.result
        return outcomes

    def _receive_time(self, side: SideName, race: Race) -> float:
        """The seconds per call of a block."""
        message = self._receive(side, race)
        assert isinstance(message, float), message
        return message

    def _receive(self, side: SideName, race: Race) -> Message:
        """The next message of a side. Raises SideDiedError if its process dies first."""
        message = self._workers[side].receive(self._limits, race.contenders)
        if isinstance(message, Death):
            raise SideDiedError(side, message)
        return message


def refusal_of(error: SideDiedError) -> Unpaired:
    """The refusal of a contender over which the process of a side died."""
    failed: Failed = error.failed
    return Unpaired(failed, None) if error.side == "base" else Unpaired(None, failed)


def _blocks_job(race: Race, *, checked: bool, injected: Mapping[str, float]) -> Job:
    """The job of timing single blocks of the contenders of a case."""
    policy = Policy(block_s=BLOCK_S)
    return Job(task="blocks", race=race, policy=policy, checked=checked, injected=injected)
