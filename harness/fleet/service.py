"""The work of a node: races the cases that it is given, one after another, and stores each.

Workers, checks and compiled code stay warm in between, as in a run on one machine.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.fleet.messages import Order, Reply, name_of, order_of
from opbench.harness.pipeline.anchors import anchor
from opbench.harness.pipeline.recorder import Recorder
from opbench.harness.pipeline.storing import Upload
from opbench.harness.planning.selection import Race
from opbench.results.errors import RunFolderError
from opbench.results.records import Failed, codec
from opbench.results.records.anchors import ANCHORS, anchor_times
from opbench.results.records.run_folder import RunFolder, create
from opbench.results.store.attempts import digest_of


@dataclass(slots=True, kw_only=True)
class Service:
    """A node's side of a fleet.

    service.say_ready(races)
    run(catalog, races, folder, arrange=service.ordered)
    """

    #: Its own run folder is that of this node alone.
    upload: Upload
    #: Records what is failed without a race.
    recorder: Recorder
    supervisor: Supervisor | None
    #: Seconds for each anchor, at most.
    budget_s: float
    #: The lines that come in, until there are no more.
    orders: Iterable[str]
    #: Sends a line.
    send: Callable[[str], None]

    def say_ready(self, races: Sequence[Race]) -> None:
        """Say which environment this is, and how quick. races: all that may be given."""
        folder = self.upload.folder
        head = codec.dumps(folder.info)
        self.upload.leave_out(*_of_machine(folder))
        threads = races[0].case.threads
        self._reply(Reply(did="ready", head=head, threads=threads, anchors=_seconds(folder)))

    def ordered(self, races: Sequence[Race]) -> Iterator[Race]:
        """The races in the order that they are asked for; each is over when the next is taken."""
        named = {name_of(race.case): race for race in races}
        for line in self.orders:
            order = order_of(line)
            race = named.get(order.case)
            if order.do == "keep":
                self.upload.take_in(*_of_machine(self.upload.folder))
                self._reply(Reply(did="keep", problem=self._stored()))
            elif order.do == "anchors":
                self._reply(Reply(did="anchors", anchors=self._anchors_anew(races)))
            elif race is None:
                problem = "this node has no such case: is it another version of opbench?"
                self._reply(Reply(did=order.do, case=order.case, problem=problem))
            else:
                if order.do == "race":
                    yield race
                else:
                    self._fail(race, order)
                self._reply(self._result(race, order))

    def _reply(self, reply: Reply) -> None:
        """Send a reply."""
        self.send(reply.text())

    def _fail(self, race: Race, order: Order) -> None:
        """Record all contenders of a race as failed."""
        self.recorder.begin_case(race)
        failed = Failed("race", order.reason, cause="crashed")
        lines = [self.recorder.record(name, failed, "") for name in race.contenders]
        self.upload.folder.append(*lines)

    def _result(self, race: Race, order: Order) -> Reply:
        """Store a race that is over, and say what became of it."""
        self.upload.races = (race,)
        problem = self._stored()
        records = self.upload.folder.records(ops=(race.case.op,))
        own = [record for record in records if record.case == race.case]
        missing = {*race.contenders} - {record.contender for record in own}
        if missing and not problem:
            problem = f"no outcome of {', '.join(sorted(missing))}: its op is at fault"
        outcomes = Counter(type(record.outcome).__name__ for record in own)
        return Reply(
            did=order.do,
            case=order.case,
            problem=problem,
            outcomes=dict(outcomes),
        )

    def _stored(self) -> str:
        """Store what is done and not there; why that fails, "" where it doesn't."""
        try:
            self.upload.store()
        except RunFolderError as error:
            return str(error)
        return ""

    def _anchors_anew(self, races: Sequence[Race]) -> dict[str, float]:
        """The anchors once more, of which the run keeps nothing."""
        with tempfile.TemporaryDirectory() as root:
            info = replace(self.upload.folder.info, id="anchors")
            scratch = create(Path(root), info)
            anchor(scratch, races, budget_s=self.budget_s, supervisor=self.supervisor)
            return _seconds(scratch)


def _of_machine(folder: RunFolder) -> set[str]:
    """What a run has of its machine, which one node stores for all, by the digests."""
    return {digest_of(None), *(digest_of(r.case) for r in folder.records(ops=ANCHORS))}


def _seconds(folder: RunFolder) -> dict[str, float]:
    """Seconds per call of each anchor of a run."""
    known = anchor_times(folder.records(ops=ANCHORS))
    times = next(iter(known.values()), None)
    return {name: times.time_s(name) for name in ANCHORS} if times else {}
