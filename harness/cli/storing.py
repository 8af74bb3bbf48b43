"""A run whose cases go into a store, as one of many that make one run together.

The run folder is kept only until the store has all of it.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opbench.harness.cli.output import complain
from opbench.results.errors import RunFolderError, SelectionError

#: What the store has of a run folder, and what is of no use without it.
_OF_A_RUN = {"run.json", "records.jsonl", ".gitignore"}

if TYPE_CHECKING:
    from opbench.harness.cli.run_folder import NewRun
    from opbench.harness.execution.observer import Observer
    from opbench.harness.pipeline.storing import Upload
    from opbench.harness.planning.selection import Race
    from opbench.results.records.run_folder import RunFolder
    from opbench.results.store.attempts import Part


@dataclass(frozen=True, slots=True)
class Sharing:
    """The store that a run's cases go into, and the share of them that is done here."""

    #: Its URL.
    store: str
    #: The name of the run in the store.
    name: str
    part: Part

    @property
    def url(self) -> str:
        """The run in the store."""
        return f"{self.store.rstrip('/')}/runs/{self.name}"

    @property
    def hint(self) -> str:
        """Where the run is, and how to make a run folder of it."""
        store = shlex.quote(self.store)
        return f"stored: {self.url}   run folder: opbench collect {store} {shlex.quote(self.name)}"


def sharing(store: str | None, part: Sequence[int] | None, name: str | None) -> Sharing | None:
    """What the options say; None without a store.

    Raises SelectionError where parts could not find each other, RunFolderError where the store
    can't be used.
    """
    if store is None:
        if part:
            raise SelectionError("--part is a share of a run in a store: give --store as well")
        return None
    if name is None:
        raise SelectionError("--store takes --id, by which the parts of a run find each other")
    from opbench.results.store.attempts import Part
    from opbench.results.store.urls import filesystem

    filesystem(store)
    return Sharing(store, name, Part(*part) if part else Part())


def local(new: NewRun, shared: Sharing | None) -> NewRun:
    """The run folder to create: of a shared run, one that no other attempt has."""
    if shared is None:
        return new
    import uuid

    name = f"{shared.name}-{shared.part}-{uuid.uuid4().hex[:8]}"
    return replace(new, id=name, settings=(*new.settings, ("stored_as", json.dumps(shared.name))))


def share(shared: Sharing | None, races: tuple[Race, ...]) -> tuple[Race, ...]:
    """The races that are done here; of too many parts the last have none, which is said."""
    if shared is None:
        return races
    own = shared.part.share(races)
    if not own:
        complain("run", f"part {shared.part} has no case: there are {len(races)}")
    return own


def begin(shared: Sharing | None, folder: RunFolder, races: tuple[Race, ...]) -> Upload | None:
    """Begin to store a run, and take over what the store has of it; None without a store.

    Raises RunFolderError where the store can't be read.
    """
    if shared is None:
        return None
    from opbench.harness.pipeline.storing import Upload
    from opbench.results.store.attempts import StoredRun

    upload = Upload(StoredRun(shared.store, shared.name), folder, races)
    try:
        taken = upload.begin(shared.part)
    except RunFolderError:
        if not folder.records():
            leave(shared, folder)
        raise
    if taken:
        complain("run", f"{taken} of {len(races)} cases are in {shared.url} already")
    return upload


def observing(upload: Upload | None, observer: Observer) -> Observer:
    """The observer, which also stores each case that ends."""
    if upload is None:
        return observer
    from opbench.harness.pipeline.storing import StoringObserver

    return StoringObserver(upload, observer)


def finish(shared: Sharing | None, upload: Upload | None) -> None:
    """Store what isn't there yet. Raises RunFolderError where the store doesn't take it."""
    if shared is not None and upload is not None:
        upload.finish(shared.part)


def leave(shared: Sharing | None, folder: RunFolder) -> None:
    """Remove the run folder of a run that a store has; not where something else was put there."""
    if shared is None:
        return
    if more := sorted({path.name for path in folder.path.iterdir()} - _OF_A_RUN):
        complain("run", f"{folder.path} stays, as it holds more than the store: {', '.join(more)}")
        return
    shutil.rmtree(folder.path)
