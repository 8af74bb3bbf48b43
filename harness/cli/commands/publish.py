"""`opbench publish`: a recorded run as a TensorBoard dashboard."""

from __future__ import annotations

import argparse

from opbench.harness.cli import arguments
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.run_folder import recorded
from opbench.results.errors import NothingRecordedError

HELP = "write a run's TensorBoard dashboard"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_recorded(parser)


def run(args: argparse.Namespace) -> Exit:
    """Write the dashboard into the run's folder, if anything was recorded."""
    from opbench.dashboards.publish import publish

    folder = recorded(args.run)
    if next(folder.lines(), None) is None:
        raise NothingRecordedError(f"nothing was recorded in {folder.path}")
    publish(folder)
    print(f"published {folder.tensorboard}   look at it: opbench dashboard {folder.path}")
    return Exit.OK
