"""`opbench dashboard`: a recorded run, or a published history, opened in TensorBoard."""

from __future__ import annotations

import argparse
from pathlib import Path

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.option_types import count

HELP = "open a run in TensorBoard"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_recorded(verb)
    verb.add_argument(
        "--port",
        type=count(0, 65535),
        default=6006,
        metavar="N",
        help="default: 6006; 0 takes a free one",
    )
    verb.add_argument("--host", default="localhost", help="default: localhost")


def main(words: argparse.Namespace) -> Exit:
    """Serve the run, or the history, until it is interrupted."""
    from opbench.dashboards.history import is_history
    from opbench.dashboards.serve import serve

    if words.run and is_history(Path(words.run)):
        folder, page = Path(words.run), "scalars"
    else:
        folder, page = common.recorded(words).path, "hparams"
    with serve(folder, host=words.host, port=words.port) as server:
        print(f"TensorBoard: {server.page(page)}\nCtrl-C ends it", flush=True)
        server.wait()
    return Exit.OK
