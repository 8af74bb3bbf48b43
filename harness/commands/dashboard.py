"""`opbench dashboard`: a recorded run, opened in TensorBoard."""

from __future__ import annotations

import argparse

from harness import options
from harness.commands import common
from harness.exits import Exit

HELP = "open a run in TensorBoard"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_recorded(verb)
    verb.add_argument("--port", type=int, default=6006, help="default: 6006; 0 takes a free one")
    verb.add_argument("--host", default="localhost", help="default: localhost")


def main(words: argparse.Namespace) -> Exit:
    """Serve the run until it is interrupted."""
    from dashboards.serve import serve

    folder = common.recorded(words)
    with serve(folder.path, host=words.host, port=words.port) as server:
        print(f"TensorBoard: {server.page('hparams')}\nCtrl-C ends it", flush=True)
        server.wait()
    return Exit.OK
