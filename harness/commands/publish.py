"""`opbench publish`: a recorded run as a TensorBoard dashboard."""

from __future__ import annotations

import argparse

from harness import options
from harness.commands import common
from harness.exits import Exit

HELP = "write a run's TensorBoard dashboard"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_recorded(verb)


def main(words: argparse.Namespace) -> Exit:
    """Write the dashboard into the run's folder."""
    from dashboards.publish import publish

    folder = common.recorded(words)
    publish(folder)
    print(f"published {folder.tensorboard}   look at it: opbench dashboard {folder.path}")
    return Exit.OK
