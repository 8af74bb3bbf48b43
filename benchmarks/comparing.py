"""What `opbench compare` says of runs of the very same code, and how far such runs are apart.

    python -m benchmarks.comparing FOLDER [--runs 24]

Each run is a fresh process, of a few cases with several contenders each; all runs are compared with
each other. Runs that are in FOLDER already are not made again.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from opbench.results.records import Measured
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import RunFolder, open_run
from opbench.results.regression.two_runs import compare
from opbench.results.statistics.intervals import median

#: Kernels, compositions of torch ops and a loop in Python, of three families.
ARGUMENTS = (
    "topk_gating",
    "batched_softmax",
    "patch_pooling",
    "gather_2d",
    "-k",
    "not (large or gpt2)",
)
BUDGET_S = "0.5"


def main() -> None:
    """Make the runs, compare them and print what was seen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the runs are kept")
    parser.add_argument("--runs", type=int, default=24)
    args = parser.parse_args()
    runs = [_run(args.folder, number) for number in range(args.runs)]
    _print_verdicts(runs)
    _print_spread(runs)


def _run(folder: Path, number: int) -> RunFolder:
    path = folder / f"run-{number:03}"
    if not (path / "run.json").exists():
        command = [sys.executable, "-m", "opbench", "run", *ARGUMENTS, "--budget", BUDGET_S]
        command += ["--out", str(folder), "--id", path.name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return open_run(path)


def _print_verdicts(runs: Sequence[RunFolder]) -> None:
    counts: Counter[str] = Counter()
    detectable: list[float] = []
    for base, head in itertools.combinations(runs, 2):
        findings = [compared.finding for compared in compare(base, head).findings]
        counts.update(finding.verdict for finding in findings)
        detectable += [finding.detectable for finding in findings]
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in sorted(counts))
    print(f"{len(detectable)} comparisons of the same code: {verdicts}")
    print(f"smallest slowdown that would have shown: {median(detectable):.0%} in the middle")


def _print_spread(runs: Sequence[RunFolder]) -> None:
    """How far a contender's times lie apart over the runs; and its share of its case's time."""
    times: dict[tuple[str, str], list[float]] = {}
    shares: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        cases: dict[str, dict[str, float]] = {}
        for record in without_anchors(run.records()):
            if isinstance(record.outcome, Measured):
                case = cases.setdefault(record.case.key, {})
                case[record.contender] = median(record.outcome.samples_s)
        for key, case in cases.items():
            middle = median(list(case.values()))
            for name, time_s in case.items():
                times.setdefault((key, name), []).append(time_s)
                shares.setdefault((key, name), []).append(time_s / middle)
    widest = sorted(max(values) / min(values) for values in times.values())
    print(
        f"largest over smallest median of {len(runs)} runs: {median(widest):.2f} in the middle of "
        f"{len(widest)} contenders and cases, {widest[-1]:.2f} at most"
    )
    off = [abs(s / median(values) - 1) > 0.2 for values in shares.values() for s in values]
    print(f"off by 20% and more against the others of its race: {sum(off)} of {len(off)}")


if __name__ == "__main__":
    main()
