"""An engine whose nodes are processes of this machine: all but Ray is as in a cluster."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from opbench.harness.fleet.kinds import NodeFacts
from opbench.harness.fleet.messages import reply_of
from opbench.harness.fleet.node_process import NodeProcess


class LocalEngine:
    """Each node is a process, which may be killed; `sent` are all orders."""

    def __init__(self, settings, folder, names=("a",), **labels):
        self.settings, self.folder = settings, str(folder)
        self.there = {name: NodeFacts(name, name, labels.get(name, {})) for name in names}
        self.processes, self.sent, self.starts = {}, [], []
        self._pool = ThreadPoolExecutor()
        self._pending: dict[Future[str], str] = {}

    def nodes(self):
        return list(self.there.values())

    def start(self, node, kind):
        self._forget(node.id)
        self.starts.append(node.id)
        self.processes[node.id] = NodeProcess(self.settings[kind.name], self.folder)
        self._pending[self._pool.submit(self.processes[node.id].start)] = node.id

    def send(self, node, order):
        self.sent.append((node, order))
        self._pending[self._pool.submit(self.processes[node].order, order.text())] = node

    def replies(self, timeout_s):
        done, _ = wait(self._pending, timeout_s, return_when=FIRST_COMPLETED)
        return [(self._pending.pop(one), reply_of(one.result())) for one in done]

    def remove(self, node):
        """The node is gone, with its process."""
        del self.there[node]
        self._forget(node)

    def close(self):
        for node in list(self.processes):
            self._forget(node)
        self._pool.shutdown()

    def _forget(self, node):
        self._pending = {one: of for one, of in self._pending.items() if of != node}
        if process := self.processes.pop(node, None):
            process.end()
