"""Open a run by its path, or by its URL in a store."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from opbench.results.errors import RunFolderError
from opbench.results.records import run_folder
from opbench.results.records.run_folder import RunFolder
from opbench.results.store.attempts import StoredRun
from opbench.results.store.collecting import collect, described, short, write
from opbench.results.store.urls import is_url, parse


def open_run(place: str | Path) -> RunFolder:
    """The run at a path or a URL.

        open_run("runs/bench")
        open_run("s3://bucket/bench/runs/nightly#1eda7848")

    Of a URL it is a copy for this process, which is removed when that ends. Raises RunFolderError
    where there is no run, or the URL says too little of which.
    """
    if not is_url(str(place)):
        return run_folder.open_run(place)
    found = open_runs(str(place))
    if len(found) > 1:
        environments = [folder.info.environment for folder in found]
        named = ", ".join(f"{place}#{short(e.key)} ({described(e)})" for e in environments)
        raise RunFolderError(f"{place} holds several environments; name one: {named}")
    return found[0]


def open_runs(place: str) -> tuple[RunFolder, ...]:
    """The runs at a path or a URL: of a URL those of all environments, each as `open_run` gives it.

    Raises RunFolderError where there is none.
    """
    if not is_url(place):
        return (run_folder.open_run(place),)
    address = parse(place)
    collected = collect(StoredRun(address.store, address.name), key=address.key)
    root = Path(tempfile.mkdtemp(prefix="opbench-run-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return write(collected, root, address.name)


def ensure_local(place: str | Path, *, verb: str) -> None:
    """Raises RunFolderError where a verb that writes into a run is given a URL."""
    if is_url(str(place)):
        raise RunFolderError(
            f"{place} is in a store, which `opbench {verb}` does not change: make a folder of it "
            "with `opbench collect`"
        )
