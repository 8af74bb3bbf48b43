"""`opbench calibrate`: what this machine can do at most."""

from __future__ import annotations

import argparse
import os

from harness import options
from harness.commands import common
from harness.exits import Exit
from harness.terminal import draw

HELP = "measure what this machine can do at most"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_json(verb)
    verb.add_argument(
        "--ceilings",
        action="store_true",
        required=True,
        help="measure what this machine can do at most, and keep it for later runs",
    )
    verb.add_argument("--device", default="", help="devices, by commas (default: cpu)")
    verb.add_argument(
        "--threads", type=options.positive(int), default=0, help="default: every core"
    )
    verb.add_argument(
        "--seconds", type=options.positive(float), default=12.0, help="to spend on it (default: 12)"
    )
    verb.add_argument(
        "--fresh",
        action="store_true",
        help="forget earlier measurements instead of the best of all",
    )


def main(words: argparse.Namespace) -> Exit:
    """Measure the ceilings of the devices, keep them and print them."""
    from harness.ceilings import measure
    from harness.environment import describe
    from results.ceilings import save
    from results.table import ceilings_table

    key = describe().key
    threads = words.threads or len(os.sched_getaffinity(0))
    for device in words.device.split(",") if words.device else ("cpu",):
        measured = measure(
            device=device, threads=threads, budget_s=words.seconds, environment_key=key
        )
        kept = save(measured, fresh=words.fresh)
        if words.json:
            common.print_json(common.plain(kept))
        else:
            draw(ceilings_table(kept))
    return Exit.OK
