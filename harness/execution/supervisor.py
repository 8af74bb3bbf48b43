"""Run contenders in a supervised child process, and survive whatever they do to it.

A contender that crashes, exits, hangs or takes too much memory is `Failed` with the reason; a fresh
process goes on with the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from opbench.harness.execution.messages import (
    ContenderResult,
    Job,
    JobEnd,
    JobResult,
    ObservedStage,
    StageStart,
    Tracing,
    WorkerConfig,
)
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.execution.process import Death, Limits, WorkerError, WorkerProcess
from opbench.harness.explaining.observed import Observed
from opbench.harness.planning.selection import Race
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.sources import Version
from opbench.results.records import Environment, EvidencePass, OptionalSide, SideName

#: Causes of a death that another contender may have brought about earlier in the process.
_DELAYED = ("crashed", "exited", "memory")


@dataclass(slots=True)
class PassCollector(NullObserver):
    """Notes which passes were done, and passes every notification on."""

    observer: Observer
    #: The passes that were done.
    seen: list[EvidencePass] = field(default_factory=list)
    #: Whether the contender has come as far as a pass.
    is_prepared: bool = False

    def begin(self, name: str, stage: ObservedStage) -> None:
        """Pass on that a stage begins."""
        self.is_prepared = self.is_prepared or stage == "profile"
        self.observer.begin(name, stage)

    def done(self, name: str, result: JobResult, output: str = "") -> None:
        """Pass on the result of a pass, or the contender's outcome."""
        if isinstance(result, Observed):
            self.seen.append(result.part)
        self.observer.done(name, result, output)


class Supervisor:
    """Runs contenders in child processes, so that none can end the caller.

        with Supervisor(("./mine.py",), limits=Limits(timeout_s=60.0)) as supervisor:
            run(catalog, plan(catalog, Selection()), folder, supervisor=supervisor)

    A worker that hangs, crashes or exceeds its memory is replaced by a fresh one.
    modules, versions, python: as in `WorkerConfig`.
    """

    def __init__(
        self,
        modules: tuple[str, ...],
        *,
        limits: Limits | None = None,
        versions: tuple[tuple[SideName, Version], ...] = (),
        python: str = "",
    ) -> None:
        """limits: of contenders, for all jobs; the default ones where None."""
        self._limits = limits or Limits()
        self._config = WorkerConfig(modules, self._limits.memory, versions, python)
        self._worker: WorkerProcess | None = None
        #: The op and name of each contender that ran in the worker since it started.
        self._ran: set[tuple[str, str]] = set()
        self._over = False

    def __enter__(self) -> Supervisor:
        """Start a worker, which imports torch while the caller goes on."""
        self._worker = WorkerProcess(self._config)
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker, also while another thread waits for it."""
        # Another thread may still be at a job: its worker dies, and there won't be a new one.
        self._over = True
        self.renew()

    def environment(self) -> Environment:
        """The environment that contenders run in. Raises WorkerError if no worker starts."""
        return self._ready().handshake()

    def renew(self) -> None:
        """End the worker, if there is one, so that the next job has a fresh process."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None
        self._ran.clear()

    def race(self, race: Race, policy: Policy, observer: Observer) -> None:
        """Race the contenders of a case."""
        self._do(Job(task="race", race=race, policy=policy), observer)

    def spot_check(self, race: Race, observer: Observer) -> None:
        """Check the contenders of a case on the small cases of its op."""
        self._do(Job(task="spots", race=race), observer)

    def race_twins(
        self,
        race: Race,
        policy: Policy,
        observer: Observer,
        *,
        sides: tuple[SideName, SideName],
        checked: bool,
        injected: Mapping[str, float] | None = None,
    ) -> None:
        """Race each contender of a case against itself in another version.

        sides, checked, injected: as in `Job`.
        """
        job = Job(
            task="twins",
            race=race,
            policy=policy,
            sides=sides,
            checked=checked,
            injected=injected or {},
        )
        self._do(job, observer)

    def profile(
        self,
        race: Race,
        folder: Path,
        observer: Observer,
        *,
        side: OptionalSide = "",
        tracing: Tracing | None = None,
    ) -> None:
        """Profile the contenders of a case, as a side or ""; a trace each below `folder`/traces.

        tracing: how it is traced; as usual where None.
        """
        tracing = tracing or Tracing()
        job = Job(task="profile", race=race, folder=folder, side=side, tracing=tracing)
        self._do(job, observer)

    def explain(self, race: Race, passes: tuple[EvidencePass, ...], observer: Observer) -> None:
        """Gather evidence of the one contender of a race; a pass that ends the worker is left out.

        The observer is given an Observed for each pass, or the contender's outcome where it can't
        be called. After a pass that changed the process for good there is a fresh worker.
        """
        (name,), waiting = race.contenders, list(passes)
        while waiting:
            collector = PassCollector(observer)
            job = Job(task="explain", race=race, passes=tuple(waiting))
            _, end = self._attempt(job, collector)
            if isinstance(end, JobEnd):
                if end.tainted:
                    self.renew()
                return
            self.renew()
            waiting = waiting[len(collector.seen) :]
            if not collector.is_prepared or not waiting:
                observer.done(name, end.failed)
                return
            broken = waiting.pop(0)
            observer.done(name, Observed(part=broken, missing=f"it {end.failed.reason}"))

    def check(self, race: Race, observer: Observer) -> dict[tuple[str, str], float]:
        """Check the contenders of a case; the largest difference of each two right ones.

        Differences are multiples of the tolerance. Contenders that were checked by different
        workers are not compared.
        """
        return dict(self._do(Job(task="check", race=race), observer).differences)

    def reproduce(self, race: Race, observer: Observer) -> str:
        """A program that shows what is wrong with the contender of a race; "" if it died of it."""
        return self._do(Job(task="reproduce", race=race), observer).program

    def _do(self, job: Job, observer: Observer) -> JobEnd:
        """Do the job; if the worker dies of one contender, with another worker for the rest."""
        waiting, retried = list(job.race.contenders), False
        cleared: set[str] = set()
        while waiting:
            race = job.race.only(waiting)
            reported, end = self._attempt(replace(job, race=race), observer)
            waiting = [name for name in waiting if name not in reported]
            if isinstance(end, JobEnd):
                if end.tainted:
                    self.renew()
                    continue
                return end
            death = self._try_alone(job, end, cleared)
            self.renew()
            if death is None:
                continue
            if death.contender in waiting:
                culprits = [death.contender]
            elif reported or (death.failed.stage == "idle" and not retried):
                # Those that were reported are done; a job that hadn't begun dies of an earlier one.
                culprits, retried = [], not reported
            else:
                culprits = list(waiting)
            for name in culprits:
                observer.done(name, death.failed)
                waiting.remove(name)
        return JobEnd()

    def _try_alone(self, job: Job, end: Death, cleared: set[str]) -> Death | None:
        """The death of a contender that dies in a fresh worker too; None if it survives there.

        Leaks of another contender may end the process at any time, in any contender's turn.
        cleared: the contenders that survived, which are not tried again; this one may be added.
        """
        name, failed = end.contender, end.failed
        if failed.cause not in _DELAYED or not self._ran - {(job.race.case.op, name)} or not name:
            return end
        if name in cleared:
            reason = f"{failed.reason}, beside other contenders; alone it did not"
            return Death(name, replace(failed, reason=reason))
        self.renew()
        alone = replace(job, race=job.race.only([name]))
        _, end_alone = self._attempt(alone, NullObserver())
        if isinstance(end_alone, Death) and end_alone.contender == name:
            return end_alone
        cleared.add(name)
        return None

    def _attempt(self, job: Job, observer: Observer) -> tuple[set[str], JobEnd | Death]:
        """Names already reported, and how the attempt ended."""
        worker = self._ready()
        reported: set[str] = set()
        worker.send(job)
        while True:
            message = worker.receive(self._limits, job.race.contenders)
            if isinstance(message, JobEnd | Death):
                return reported, message
            if isinstance(message, StageStart):
                observer.begin(message.contender, message.stage)
                if message.contender:
                    self._ran.add((job.race.case.op, message.contender))
                    worker.send(None)
            elif isinstance(message, ContenderResult):
                reported.add(message.contender)
                observer.done(message.contender, message.result, message.output)

    def _ready(self) -> WorkerProcess:
        """A worker that has loaded everything."""
        if self._over:
            raise WorkerError("the work was broken off")
        if self._worker is None:
            self._worker = WorkerProcess(self._config)
        try:
            self._worker.handshake()
        except WorkerError:
            self.renew()
            raise
        return self._worker
