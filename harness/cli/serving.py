"""`opbench run --orders`: a node of a fleet, which races what its standard input says."""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING

from opbench.harness.cli import options, storing
from opbench.harness.cli.catalogue import load_catalog
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.run_folder import add_ceilings, create
from opbench.harness.cli.workers import supervised
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.cli.storing import Sharing

#: What the driver of a fleet sends besides the options that a run keeps.
FURTHER = ("id", "timeout", "memory_limit")


@dataclass(slots=True)
class Orders:
    """The lines of a stream; work that goes on when it ends is interrupted."""

    stream: IO[str]
    #: None once the stream has ended.
    _lines: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)
    _is_busy: bool = False

    def __iter__(self) -> Iterator[str]:
        """The lines, as they come."""
        threading.Thread(target=self._read, daemon=True).start()
        while (line := self._lines.get()) is not None:
            self._is_busy = True
            yield line
            self._is_busy = False

    def _read(self) -> None:
        """Read until the driver, or its connection, is gone: nobody takes what is done then."""
        for line in self.stream:
            self._lines.put(line)
        self._lines.put(None)
        if self._is_busy:
            os.kill(os.getpid(), signal.SIGTERM)


def serve(args: argparse.Namespace) -> Exit:
    """Race what is ordered until there is nothing more to come."""
    with _replies() as replies, tempfile.TemporaryDirectory(prefix="opbench-node-") as out:
        _take_over(args, args.orders, out)
        shared = storing.sharing(args.store, None, args.id)
        if shared is None:
            raise SelectionError("--orders takes a store among its options")
        new = storing.local(options.new_run(args), shared)
        if kind := json.loads(args.orders).get("kind"):
            new = replace(new, settings=(*new.settings, ("kind", json.dumps(kind))))
        _serve(args, shared, new, replies)
    return Exit.OK


def _take_over(args: argparse.Namespace, text: str, out: str) -> None:
    """Replace the arguments by the options of the driver. Raises SelectionError for other text."""
    try:
        settings = dict(json.loads(text))
    except (TypeError, ValueError) as error:
        raise SelectionError(f"--orders takes the options of a run as JSON: {error}") from error
    options.restore(args, settings)
    for name in FURTHER:
        setattr(args, name, settings.get(name, getattr(args, name)))
    args.out = out


@contextmanager
def _replies() -> Iterator[IO[str]]:
    """Standard output for replies alone; what else is printed goes to standard error."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        yield replies


def _serve(args: argparse.Namespace, shared: Sharing, new: NewRun, replies: IO[str]) -> None:
    """Make everything ready, say so, and race."""
    from opbench.harness.execution.observer import NullObserver
    from opbench.harness.fleet.service import Service
    from opbench.harness.pipeline.anchors import anchor
    from opbench.harness.pipeline.recorder import Recorder
    from opbench.harness.pipeline.run import run
    from opbench.harness.pipeline.storing import Upload
    from opbench.harness.planning.cases import plan
    from opbench.harness.timing.stopping import Policy
    from opbench.results.store.attempts import StoredRun

    modules, selection = options.modules(args), options.selection(args)
    with supervised(modules, options.limits(args)) as supervisor:
        catalog = load_catalog(modules)
        races = plan(catalog, selection)
        folder = create(new, supervisor)
        add_ceilings(folder, races, verb="run")
        anchor(folder, races, budget_s=args.budget, supervisor=supervisor)
        service = Service(
            upload=Upload(StoredRun(shared.store, shared.name), folder, ()),
            recorder=Recorder(catalog=catalog, folder=folder, observer=NullObserver()),
            supervisor=supervisor,
            budget_s=args.budget,
            orders=Orders(sys.stdin),
            send=lambda line: print(line, file=replies, flush=True),
        )
        service.say_ready(races)
        run(
            catalog,
            races,
            folder,
            policy=Policy(rules=folder.info.rules, budget_s=args.budget),
            processes=args.processes,
            supervisor=supervisor,
            spot_check=not args.no_spot_check,
            arrange=service.ordered,
        )
