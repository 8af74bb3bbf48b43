"""A run of many rows that are made up, from a seed: what `benchmarks.dashboard` looks at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from opbench.results.records import Case, Environment, Measured, Record, RunInfo, codec
from opbench.results.records.run_folder import RunFolder, create

_CONTENDERS, _SAMPLES = 20, 30


def make_run(root: Path, rows: int) -> RunFolder:
    """A run of so many rows below `root`, from a seed."""
    environment = Environment("made-up", (("cpu", "none"),))
    info = RunInfo(
        id="many", created="2026-01-02T03:04:05+00:00", command=(), environment=environment
    )
    run = create(root, info)
    lines = (codec.dumps(record) + "\n" for record in _records(rows))
    (run.path / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    return run


def _records(rows: int) -> Iterator[Record]:
    """Races of twenty contenders, over the sizes, passes and dtypes of ops."""
    rng = np.random.default_rng(0)
    for number in range(rows):
        race, place = divmod(number, _CONTENDERS)
        time_s = 1e-5 * (1 + race % 10) * 1.15**place
        samples = time_s * np.exp(rng.normal(0, 0.02, _SAMPLES))
        yield Record(
            contender=f"contender_{place}",
            case=_case(race),
            outcome=_measured(tuple(samples.tolist())),
            fingerprint="f00d",
            environment_key="made-up",
            caveats=(("nonfinite", f"0 * NaN leaks, {place}"),) if place % 7 == 3 else (),
        )


def _case(race: int) -> Case:
    """A case: ten of each op."""
    size = 1 << (6 + race % 5)
    return Case(
        op=f"op_{race // 10}",
        shape=f"shape_{race % 5}",
        axes=(("B", 8), ("S", size), ("D", 512)),
        inputs="normal",
        direction="forward" if race % 10 < 5 else "backward",
        threads=2,
    )


def _measured(samples_s: tuple[float, ...]) -> Measured:
    """An outcome of these samples."""
    return Measured(
        samples_s=samples_s,
        rounds=tuple(range(len(samples_s))),
        calls=5,
        preparation_s=0.01,
        error=0.2,
        flops=2_000_000,
        bytes=1_000_000,
        stopped="decided",
        peak_bytes=3_500_000,
    )
