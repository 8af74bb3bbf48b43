"""`opbench profile`: where the time and the memory of contenders go."""

from __future__ import annotations

import argparse
import dataclasses

from harness import options
from harness.commands import common
from harness.exits import Exit, code_of, worst
from harness.terminal import draw, progress

HELP = "profile contenders: traces, operators, memory"


def add(verb: argparse.ArgumentParser) -> None:
    """Add what the verb understands."""
    options.add_selection(verb)
    options.add_json(verb)
    options.add_out(verb)
    verb.add_argument("--run", metavar="RUN", help="add the profiles to this run")
    options.add_isolation(verb)
    verb.add_argument(
        "--top", type=options.positive(int), default=8, help="operators shown (default: 8)"
    )


def main(words: argparse.Namespace) -> Exit:
    """Profile the selected contenders, record it and print the operators."""
    from harness.pipeline import profile
    from harness.planning import plan
    from results.record import Measured, Profile, Record
    from results.store import open_run
    from results.table import format_bytes, operators_table

    with common.supervised(words) as supervisor:
        catalog = common.load(words)
        races = plan(catalog, options.selection(words))
        folder = open_run(words.run) if words.run else common.create(words, supervisor)
        with progress(races, quiet=words.json) as reporter:
            found = profile(catalog, races, folder, supervisor=supervisor, reporter=reporter)
    profiles = [item for item in found if isinstance(item, Profile)]
    refused = [item for item in found if isinstance(item, Record)]
    if words.json:
        common.print_json(
            {"run": str(folder.path), "profiles": [common.plain(p) for p in profiles]}
        )
    else:
        for item in profiles:
            table = operators_table(item)
            draw([dataclasses.replace(table, rows=table.rows[: words.top])])
            print(f"peak memory per call: {format_bytes(item.peak_bytes)}   trace: {item.trace}\n")
        for record in refused:
            assert not isinstance(record.outcome, Measured)
            print(f"{record.contender}: {record.outcome.reason}")
        print(f"run: {folder.path}")
    if not profiles:
        return Exit.NOTHING
    return worst((Exit.OK, *(code_of(record.outcome) for record in refused)))
