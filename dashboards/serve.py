"""Serve a run's dashboard: TensorBoard, as a process of its own, on the run's folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from opbench.dashboards.history import is_history
from opbench.dashboards.publish import is_published, publish
from opbench.results.errors import OpbenchError
from opbench.results.records.run_folder import open_run

#: Seconds that TensorBoard gets to answer; it takes 3 to 10 on a busy machine of two cores.
PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Server:
    """A TensorBoard that answers.

    Use it within `serve`, which ends it.
    """

    #: The address of its first page.
    url: str
    #: Waits until it ends, and returns its exit status.
    wait: Callable[[], int]

    def page(self, tab: str) -> str:
        """The address of one of its pages: text, images, scalars. Lines aren't smoothed."""
        return f"{self.url}?smoothing=0#{tab}&_smoothingWeight=0"


@contextlib.contextmanager
def serve(run_path: str | Path, *, port: int = 6006, host: str = "localhost") -> Iterator[Server]:
    """Serve a run, which is published first where that is due, or a published history.

    TensorBoard ends on leaving. port: 0 for any that is free. Raises OpbenchError where TensorBoard
    does not start, for instance since the port is taken, RunFolderError where `run_path` is not a
    run.
    """
    folder = Path(run_path)
    if not is_history(folder):
        run = open_run(folder)
        if not is_published(run):
            publish(run)
    port = _usable_port(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    with tempfile.TemporaryFile() as log, _process(folder, host, port, log=log) as process:
        _await(process, url, folder, log=log)
        yield Server(url, process.wait)


@contextlib.contextmanager
def _process(
    folder: Path, host: str, port: int, *, log: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A TensorBoard on a folder, ended on leaving; log: a file for its output."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder.resolve())]
    command += ["--host", host, "--port", str(port), "--reload_interval", "5"]
    # Every sample of a series is shown, and every picture: by default TensorBoard thins them out.
    command += ["--samples_per_plugin", "scalars=9999,images=99,text=9"]
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"NO_COLOR": "1"}
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], url: str, folder: Path, *, log: IO[bytes]) -> None:
    """Wait until every run is there: TensorBoard answers before it has read them."""
    written = {path.parent for path in folder.rglob("events.out.tfevents.*")}
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if len(_runs(url)) >= len(written):
                return
        time.sleep(0.1)
    log.seek(0)
    said = log.read().decode(errors="replace").strip()[-2000:]
    state = "did not answer" if process.poll() is None else f"ended with {process.returncode}"
    raise OpbenchError(f"TensorBoard {state} at {url}; it said:\n{said}")


def _runs(url: str) -> list[str]:
    """The runs that TensorBoard has read. Raises OSError where it doesn't answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}data/runs", timeout=5) as answer:
        return list(json.load(answer))


def _usable_port(host: str, port: int) -> int:
    """The port, or for 0 a free one. Raises OpbenchError where it can't be served from."""
    try:
        socket.getaddrinfo(host, port, _family(host), socket.SOCK_STREAM)
    # A name may have parts that no name can have.
    except (socket.gaierror, UnicodeError) as error:
        raise OpbenchError(f"--host {host[:80]!r} is no address: {error}") from error
    try:
        with socket.create_server((host, port), family=_family(host)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        raise OpbenchError(
            f"port {port} of {host} cannot be used ({error.strerror or error}); give another "
            "--port, or 0 for any that is free"
        ) from error


def _family(host: str) -> socket.AddressFamily:
    """IPv6 for an address with colons, else IPv4."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET
