"""Runs contenders in a supervised child process, and survives whatever they do to it.

A contender that crashes, exits, hangs or takes too much memory is `Failed` with what happened; a
fresh process goes on with the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from opbench.harness.execution.messages import Began, Brief, Done, Finished, Job
from opbench.harness.execution.observer import NullObserver, Observer
from opbench.harness.execution.process import Death, Limits, WorkerError, WorkerProcess
from opbench.harness.planning.selection import Race
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.sources import Version
from opbench.results.records import Environment

#: Causes of a death that may come of what another contender did earlier in the process.
_LATE = ("crashed", "exited", "memory")


class Supervisor:
    """Does the jobs of a run in child processes; use it in a `with` statement.

    modules: what a worker loads besides the installed suites. versions: of a project, by the name
    of the arm that each is raced in; a worker then loads them in the place of what is installed.
    python: the interpreter that workers run in; this process's own where empty.
    """

    def __init__(
        self,
        modules: tuple[str, ...],
        *,
        limits: Limits | None = None,
        versions: tuple[tuple[str, Version], ...] = (),
        python: str = "",
    ) -> None:
        self._limits = limits or Limits()
        self._brief = Brief(modules, self._limits.memory, versions)
        self._python = python
        self._worker: WorkerProcess | None = None
        #: Who ran in the worker since it started: op and contender.
        self._company: set[tuple[str, str]] = set()
        self._over = False

    def __enter__(self) -> Supervisor:
        """Start a worker, which imports torch while the caller goes on."""
        self._worker = WorkerProcess(self._brief, python=self._python)
        return self

    def __exit__(self, *_: object) -> None:
        # Another thread may still be at a job: its worker dies, and there won't be a new one.
        self._over = True
        self.renew()

    def environment(self) -> Environment:
        """The environment that contenders run in. Raises WorkerError where no worker starts."""
        return self._ready().greet()

    def renew(self) -> None:
        """End the worker, if there is one, so that the next job has a fresh process."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None
        self._company.clear()

    def race(self, race: Race, policy: Policy, observer: Observer) -> None:
        """Race the contenders of a case."""
        self._do(Job("race", race, policy), observer)

    def race_twins(
        self,
        race: Race,
        policy: Policy,
        observer: Observer,
        *,
        arms: tuple[str, str],
        checked: bool,
        injected: Mapping[str, float] | None = None,
    ) -> None:
        """Race each contender of a case against itself in another version.

        arms: of which versions the two are. checked: whether their results are. injected: as of a
        `Job`.
        """
        slowed = injected or {}
        self._do(Job("twins", race, policy, arms=arms, checked=checked, injected=slowed), observer)

    def profile(self, race: Race, folder: Path, observer: Observer, *, side: str = "") -> None:
        """Profile the contenders of a case; a trace each below `folder`/traces.

        side: which of two versions they are, "" where there is but one.
        """
        self._do(Job("profile", race, folder=folder, side=side), observer)

    def check(self, race: Race, observer: Observer) -> dict[tuple[str, str], float]:
        """Check the contenders of a case, and tell how far the right ones are from each other.

        Those who were checked by different workers are not compared.
        """
        return self._do(Job("check", race), observer)

    def _do(self, job: Job, observer: Observer) -> dict[tuple[str, str], float]:
        """Do the job; where the worker ends over one contender, with another for the rest."""
        waiting, retried = list(job.race.contenders), False
        cleared: set[str] = set()
        while waiting:
            race = job.race.only(waiting)
            told, end = self._attempt(replace(job, race=race), observer)
            waiting = [name for name in waiting if name not in told]
            if isinstance(end, Finished):
                if end.spoiled:
                    self.renew()
                    continue
                return dict(end.apart)
            death = self._tried_alone(job, end, cleared)
            self.renew()
            if death is None:
                continue
            if death.contender in waiting:
                guilty = [death.contender]
            elif told or (death.failed.stage == "idle" and not retried):
                # Whoever was told of is through; who hadn't begun dies of an earlier job's doings.
                guilty, retried = [], not told
            else:
                guilty = list(waiting)
            for name in guilty:
                observer.done(name, death.failed)
                waiting.remove(name)
        return {}

    def _tried_alone(self, job: Job, end: Death, cleared: set[str]) -> Death | None:
        """How the one in whose turn the worker died ends in a fresh one; None where it lives on.

        What another contender left behind may end the process at any time, whoever's turn it is.
        cleared: who lived on before, and is added to them; they are not tried again.
        """
        name, failed = end.contender, end.failed
        if failed.cause not in _LATE or not self._company - {(job.race.case.op, name)} or not name:
            return end
        if name in cleared:
            reason = f"{failed.reason}, beside other contenders; alone it did not"
            return Death(name, replace(failed, reason=reason))
        self.renew()
        alone = replace(job, race=job.race.only([name]))
        _, found = self._attempt(alone, NullObserver())
        if isinstance(found, Death) and found.contender == name:
            return found
        cleared.add(name)
        return None

    def _attempt(self, job: Job, observer: Observer) -> tuple[set[str], Finished | Death]:
        """Who was told of before the job was finished, or the worker died."""
        worker = self._ready()
        told: set[str] = set()
        worker.send(job)
        while True:
            message = worker.receive(self._limits, job.race.contenders)
            if isinstance(message, Finished | Death):
                return told, message
            if isinstance(message, Began):
                observer.begin(message.contender, message.stage)
                if message.contender:
                    self._company.add((job.race.case.op, message.contender))
                    worker.send(None)
            elif isinstance(message, Done):
                told.add(message.contender)
                observer.done(message.contender, message.outcome, message.output)

    def _ready(self) -> WorkerProcess:
        """A worker that has loaded everything."""
        if self._over:
            raise WorkerError("the work was broken off")
        if self._worker is None:
            self._worker = WorkerProcess(self._brief, python=self._python)
        try:
            self._worker.greet()
        except WorkerError:
            self.renew()
            raise
        return self._worker
