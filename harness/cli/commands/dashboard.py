"""`opbench dashboard`: a recorded run, or a published history, opened in TensorBoard."""

from __future__ import annotations

import argparse
from pathlib import Path

from opbench.harness.cli import arguments
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.option_types import count
from opbench.harness.cli.run_folder import recorded

HELP = "open a run in TensorBoard"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_recorded(parser)
    parser.add_argument(
        "--port",
        type=count(0, 65535),
        default=6006,
        metavar="N",
        help="default: 6006; 0 takes a free one",
    )
    parser.add_argument("--host", default="localhost", help="default: localhost")


def run(args: argparse.Namespace) -> Exit:
    """Serve the run, or the history, until it is interrupted."""
    from opbench.dashboards.history import is_history
    from opbench.dashboards.serve import serve

    if args.run and is_history(Path(args.run)):
        folder, page = Path(args.run), "scalars"
    else:
        folder, page = recorded(args.run).path, "opbench"
    with serve(folder, host=args.host, port=args.port) as server:
        print(f"TensorBoard: {server.page(page)}\nCtrl-C ends it", flush=True)
        server.wait()
    return Exit.OK
