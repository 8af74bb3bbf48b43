"""`opbench publish`: a recorded run as a TensorBoard dashboard."""

from __future__ import annotations

import argparse
from pathlib import Path

from opbench.harness.cli import arguments
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.output import warn
from opbench.harness.cli.run_folder import recorded
from opbench.results.records.contents import ensure_recorded

HELP = "write a run's TensorBoard dashboard"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_recorded(parser)
    text = "write a table for TensorBoard's HParams into this new folder, instead of the dashboard"
    parser.add_argument("--hparams", type=Path, metavar="DIR", help=text)


def run(args: argparse.Namespace) -> Exit:
    """Write the dashboard into the run's folder, or its HParams, if anything was recorded."""
    from opbench.dashboards.publish import publish, publish_hparams
    from opbench.results.store.opening import ensure_local

    if args.run and not args.hparams:
        ensure_local(args.run, verb="publish")
    folder = recorded(args.run)
    ensure_recorded(folder)
    if args.hparams:
        if left_out := publish_hparams(folder, args.hparams):
            warn("publish", f"TensorBoard shows no more rows: {left_out} were left out")
        print(f"published {args.hparams}   look at it: tensorboard --logdir {args.hparams}")
        return Exit.OK
    publish(folder)
    print(f"published {folder.tensorboard}   look at it: opbench dashboard {folder.path}")
    return Exit.OK
