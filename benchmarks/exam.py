"""What the check notices of wrong contenders, and what other ways of checking notice.

    python -m benchmarks.exam [--kinds layout,training] [--by check,run,allclose,...]
                              [--runs N] [--first-seed N] [--json FILE] [--budget SECONDS]

The corpus, benchmarks/corpus, holds contenders that are wrong, most of them faults that people
reported in public, and unusual ones that are right. Each way of checking judges all of them:

check        `opbench check`: every kind, layout, dtype and edge shape
run          `opbench run` at its defaults, with a small budget: the quick shapes, as they are timed
allclose     torch.allclose with the oracle on one random input of the first quick shape
kernelbench  five seeds of that shape, one tolerance of 0.01 for everything, as KernelBench
samples      torch.testing.assert_close on several shapes and kinds, forward and backward, as OpInfo

A fifth of the wrong ones is held out: not looked at when the check was made better; 18 of them were
written last, when races had begun to check small cases. --runs is how
often the right ones are checked, each time with another seed, the first of them --first-seed: many
runs can be done in parts. Exits with 0, whatever slipped.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterable
from pathlib import Path

import torch

from benchmarks.corpus.catalogue import Entry, corpus
from benchmarks.corpus.ways import WAYS, How, Verdicts


def main() -> None:
    """Judge the corpus, and print the table and what slipped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default="", help="of faults, or right; all by default")
    parser.add_argument("--by", default=",".join(WAYS), help="ways of checking")
    parser.add_argument("--runs", type=int, default=1, help="of the right ones, by each way")
    parser.add_argument("--first-seed", type=int, default=0, help="of these runs")
    parser.add_argument("--budget", type=float, default=0.05, help="seconds of each race")
    parser.add_argument("--json", type=Path, help="where the verdicts are written")
    args = parser.parse_args()
    kinds = [kind for kind in args.kinds.split(",") if kind]
    entries = [e for e in corpus() if not kinds or e.kind in kinds]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {processor()}")
    found: dict[str, Verdicts] = {}
    for way in args.by.split(","):
        start = time.perf_counter()
        seeds = range(args.first_seed, args.first_seed + args.runs)
        found[way] = verdicts_of(way, entries, seeds=seeds, budget_s=args.budget)
        print(f"{way}: {time.perf_counter() - start:.0f} s", flush=True)
    print_table(entries, found)
    print_slips(entries, found)
    if args.json:
        args.json.write_text(json.dumps(as_json(entries, found), indent=1), encoding="utf-8")


def processor() -> str:
    """The name of the processor."""
    lines = Path("/proc/cpuinfo")
    if lines.exists():
        for line in lines.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def verdicts_of(
    way: str, entries: list[Entry], *, seeds: Iterable[int], budget_s: float
) -> Verdicts:
    """What one way says: of wrong ones once, of right ones with each seed, which takes a while."""
    found = WAYS[way]([e for e in entries if not e.right], How(budget_s))
    for seed in seeds:
        right = WAYS[way]([e for e in entries if e.right], How(budget_s, seed))
        print(f"{way}, seed {seed}: {len(right)} right ones called wrong", flush=True)
        for key, reason in right.items():
            found.setdefault(key, f"{reason} (seed {seed})")
    return found


def print_table(entries: list[Entry], found: dict[str, Verdicts]) -> None:
    """A row per kind: how many were noticed of how many."""
    print(f"\n{'kind':12} {'of':>4}" + "".join(f"{way:>13}" for way in found))
    wrong = [e for e in entries if not e.right]
    groups = {kind: [e for e in wrong if e.kind == kind] for kind in kinds_of(wrong)}
    groups["all wrong"] = wrong
    groups["held out"] = [e for e in wrong if e.held_out]
    groups["written last"] = [e for e in wrong if e.contender.module.endswith("held_out_last")]
    groups["not held out"] = [e for e in wrong if not e.held_out]
    groups["right"] = [e for e in entries if e.right]
    for name, group in groups.items():
        caught = [sum(e.key in verdicts for e in group) for verdicts in found.values()]
        shares = [f"{number} ({number / len(group):.0%})" if group else "-" for number in caught]
        print(f"{name:12} {len(group):>4}" + "".join(f"{share:>13}" for share in shares))


def kinds_of(entries: Iterable[Entry]) -> list[str]:
    """The kinds, in the order of the corpus."""
    return list(dict.fromkeys(e.kind for e in entries))


def print_slips(entries: list[Entry], found: dict[str, Verdicts]) -> None:
    """What slipped through the check and the run, and what is right and was called wrong."""
    for way in found:
        slipped = [e for e in entries if not e.right and e.key not in found[way]]
        if way in ("check", "run"):
            print(f"\nslipped through {way}:")
            for e in slipped:
                print(f"  {e.kind:12} {e.op} {e.name}{' (held out)' if e.held_out else ''}")
        alarms = [(e, found[way][e.key]) for e in entries if e.right and e.key in found[way]]
        print(f"\ncalled wrong by {way}, though right: {len(alarms)}")
        for e, reason in alarms:
            print(f"  {e.op} {e.name}: {reason}")


def as_json(entries: list[Entry], found: dict[str, Verdicts]) -> list[dict[str, object]]:
    """An object per contender: what each way said of it, null where nothing."""
    return [
        {
            "op": e.op,
            "name": e.name,
            "kind": e.kind,
            "right": e.right,
            "held_out": e.held_out,
            "noticed": {way: verdicts.get(e.key) for way, verdicts in found.items()},
        }
        for e in entries
    ]


if __name__ == "__main__":
    main()
