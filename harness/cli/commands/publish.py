"""`opbench publish`: a recorded run as a TensorBoard dashboard."""

from __future__ import annotations

import argparse
import sys

from opbench.harness.cli import options
from opbench.harness.cli.commands import common
from opbench.harness.cli.exit_codes import Exit

HELP = "write a run's TensorBoard dashboard"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_recorded(verb)


def main(words: argparse.Namespace) -> Exit:
    """Write the dashboard into the run's folder, where anything was recorded."""
    from opbench.dashboards.publish import publish

    folder = common.recorded(words)
    if next(folder.lines(), None) is None:
        print(f"opbench publish: nothing was recorded in {folder.path}", file=sys.stderr)
        return Exit.NOTHING
    publish(folder)
    print(f"published {folder.tensorboard}   look at it: opbench dashboard {folder.path}")
    return Exit.OK
