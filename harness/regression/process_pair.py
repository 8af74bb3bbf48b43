"""Two versions in a process each, timed in bursts that take turns while the other stands still.

A process that waits still takes from the one that is timed: its threads spin, its pages compete.
So it is stopped, as by Ctrl-Z, until it is its turn.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType

from opbench.harness.execution.messages import (
    Began,
    Brief,
    Burst,
    Done,
    Finished,
    Job,
    Message,
    Poised,
)
from opbench.harness.execution.process import Death, Limits, WorkerProcess
from opbench.harness.planning.selection import Race
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Environment, Failed, Outcome, Paired, Unpaired

#: Length of a burst, in seconds: as with blocks, many short ones are surer than a few long ones.
BURST_S = 0.0005
#: Rounds that are taken however long they last, and the most that are kept.
FEWEST, MOST = 5, 400


@dataclass(frozen=True, slots=True)
class Fighter:
    """One side: what its process loads, and the interpreter it runs in; "" for this one."""

    brief: Brief
    python: str = ""


class DiedError(Exception):
    """The process of a side died over a contender ("" where over none)."""

    def __init__(self, side: str, death: Death) -> None:
        super().__init__(death.failed.reason)
        self.side, self.contender, self.failed = side, death.contender, death.failed


class Duel:
    """A fresh process for each side, two of which meet at a time; use it in a `with` statement.

    sides: "base" and those that it is to meet: "head", and "again" for itself.
    """

    def __init__(self, sides: Mapping[str, Fighter], limits: Limits) -> None:
        self._sides, self._limits = dict(sides), limits
        self._workers: dict[str, WorkerProcess] = {}

    def __enter__(self) -> Duel:
        for side, fighter in self._sides.items():
            self._workers[side] = WorkerProcess(fighter.brief, python=fighter.python)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers.values():
            worker.end()

    def environments(self) -> dict[str, Environment]:
        """The environment of each side. Raises WorkerError where a process doesn't start."""
        return {side: worker.greet() for side, worker in self._workers.items()}

    def times(
        self,
        race: Race,
        *,
        seconds: float,
        order: int,
        checked: bool,
        other: str = "head",
        injected: Mapping[str, float] | None = None,
    ) -> dict[str, Paired | Unpaired]:
        """The times of each contender of a case in the base and on another side, or why not.

        seconds: for each contender. injected: as of a `Job`. Raises DiedError where a process dies.
        """
        self.environments()
        pair = ("base", other)
        job = Job("bursts", race, Policy(block_s=BURST_S), checked=checked, injected=injected or {})
        with self._only(pair):
            refused = {side: self._prepare(side, job) for side in pair}
            for side in pair:
                self._workers[side].stop()
            found: dict[str, Paired] = {}
            rng = random.Random(f"{race.case.key}/{order}")
            for name in race.contenders:
                if not any(name in refused[side] for side in pair):
                    found[name] = self._rounds(name, race, pair, seconds, rng)
            for side in pair:
                self._workers[side].go()
                refused[side] |= self._finish(side, race)
        told = {name: [refused[side].get(name) for side in pair] for name in race.contenders}
        return {name: Unpaired(*o) if any(o) else found[name] for name, o in told.items()}

    def refused(self, side: str, race: Race) -> dict[str, Outcome]:
        """What is wrong with those contenders of a case that a side can't check and call.

        Raises DiedError where its process dies.
        """
        self.environments()
        found = self._prepare(side, Job("bursts", race, Policy(block_s=BURST_S)))
        return found | self._finish(side, race)

    @contextmanager
    def _only(self, pair: tuple[str, str]) -> Iterator[None]:
        """Whoever isn't of the pair stands still meanwhile."""
        others = [worker for side, worker in self._workers.items() if side not in pair]
        for worker in others:
            worker.stop()
        yield
        for worker in others:
            worker.go()

    def _rounds(
        self, name: str, race: Race, pair: tuple[str, str], seconds: float, rng: random.Random
    ) -> Paired:
        taken: dict[str, list[float]] = {side: [] for side in pair}
        start = time.monotonic()
        for number in range(MOST):
            if number >= FEWEST and time.monotonic() - start > seconds:
                break
            for side in rng.sample(pair, 2):
                taken[side].append(self._burst(side, name, race))
        return Paired(*(tuple(taken[side]) for side in pair))

    def _burst(self, side: str, name: str, race: Race) -> float:
        worker = self._workers[side]
        worker.go()
        worker.send(Burst(name))
        taken = self._timed(side, race)
        worker.stop()
        return taken

    def _prepare(self, side: str, job: Job) -> dict[str, Outcome]:
        """What became of those contenders of a case that can't be timed on a side."""
        self._workers[side].send(replace(job, side=side))
        return self._told_until(Poised, side, job.race)

    def _finish(self, side: str, race: Race) -> dict[str, Outcome]:
        """Make an end of a case, and hear what is wrong with those that were timed on a side."""
        self._workers[side].send(Burst(""))
        return self._told_until(Finished, side, race)

    def _told_until(self, kind: type, side: str, race: Race) -> dict[str, Outcome]:
        """What is told of contenders before a message of the kind."""
        found: dict[str, Outcome] = {}
        while not isinstance(message := self._heard(side, race), kind):
            if isinstance(message, Began):
                self._workers[side].send(None)
            elif isinstance(message, Done):
                assert not isinstance(message.outcome, Paired | Unpaired)
                found[message.contender] = message.outcome  # type: ignore[assignment]
        return found

    def _timed(self, side: str, race: Race) -> float:
        """The seconds per call of a burst."""
        message = self._heard(side, race)
        assert isinstance(message, float), message
        return message

    def _heard(self, side: str, race: Race) -> Message:
        """The next message of a side. Raises DiedError where there won't be one."""
        message = self._workers[side].receive(self._limits, race.contenders)
        if isinstance(message, Death):
            raise DiedError(side, message)
        return message


def died(error: DiedError) -> Unpaired:
    """What is recorded of the contender over which a side's process died."""
    failed: Failed = error.failed
    return Unpaired(failed, None) if error.side == "base" else Unpaired(None, failed)
