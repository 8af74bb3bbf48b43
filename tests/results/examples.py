"""A synthetic run: several ops, cases, contenders and every kind of outcome; no torch needed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from opbench.results.records import (
    Case,
    Environment,
    Failed,
    Measured,
    OperatorRow,
    Profile,
    Record,
    RunInfo,
    Started,
    Unsupported,
    Work,
    Wrong,
    run_folder,
)

#: Runs as the first opbench of each schema wrote them.
STORED = Path(__file__).parent / "runs"
ENVIRONMENT = Environment(
    "cpu-1234",
    (("cpu", "Example | 2 cores"), ("torch", "2.13.0")),
    (("load", "0.5"),),
)
#: Seconds per byte of each contender, and what a call costs before it begins.
SPEEDS = {
    "index_add": (1.00e-10, 2e-6),
    "segment_reduce": (1.003e-10, 2e-6),
    "einsum": (2.4e-10, 1e-6),
    "loop": (9.0e-10, 3e-5),
}


def info(run_id="example", **changes) -> RunInfo:
    """The head of a run."""
    command = ("opbench", "run", "patch_pooling")
    head = RunInfo(
        id=run_id, created="2026-01-02T03:04:05+00:00", command=command, environment=ENVIRONMENT
    )
    return dataclasses.replace(head, settings=(("tie", "0.01"),), **changes)


def case(op="patch_pooling", shape="small", size=1024, **fields) -> Case:
    """One situation, of `size` elements."""
    axes = fields.pop("axes", (("B", 8), ("S", size)))
    return Case(op=op, shape=shape, axes=axes, inputs=fields.pop("inputs", "normal"), **fields)


def measured(time_s=1e-4, rounds=range(40), *, noise=0.01, drift=0.05, seed=0, **fields):
    """A contender of about `time_s`, its machine slower and faster from round to round."""
    own = np.random.default_rng(seed).normal(0, noise, 10_000)
    machine = np.random.default_rng(99).normal(0, drift, 10_000)
    samples = tuple(float(time_s * np.exp(own[r] + machine[r])) for r in rounds)
    values = {
        "calls": 5,
        "preparation_s": 0.012,
        "error": 0.2,
        "flops": 2_000_000,
        "bytes": 1_000_000,
        "stopped": "decided",
        "peak_bytes": 3_500_000,
    }
    return Measured(samples_s=samples, rounds=tuple(rounds), **values | fields)


def record(contender="index_add", outcome=None, on=None, **fields) -> Record:
    """A finished job."""
    values = {"fingerprint": "f00d", "environment_key": ENVIRONMENT.key} | fields
    return Record(contender=contender, case=on or case(), outcome=outcome or measured(), **values)


def records() -> tuple[Record, ...]:
    """Two ops over sizes, passes and dtypes; some contenders wrong, failed or unsupported."""
    found: list[Record] = []
    for direction in ("forward", "backward"):
        for shape, size in (("small", 1 << 10), ("medium", 1 << 14), ("large", 1 << 18)):
            found += _race(case(shape=shape, size=size, direction=direction), size * 32)
    mixed = (("B", 4), ("S", 4096), ("order", "descending"), ("p", 0.5), ("causal", True))
    for dtype in ("float32", "bfloat16"):
        found += _race(case("boundary_upsample", "text", axes=mixed, dtype=dtype), 1 << 20)
    nobody = case("boundary_upsample", "nobody", axes=mixed, layout="transposed")
    found.append(record("loop", Unsupported("no transposed inputs"), nobody))
    return tuple(found)


def _race(on: Case, size: int) -> list[Record]:
    found = []
    for number, (name, (per_byte, fixed)) in enumerate(SPEEDS.items()):
        outcome = measured(
            fixed + per_byte * size,
            range(40 if number < 2 else 12),
            seed=number,
            noise=0.002,
            bytes=size,
            flops=size // 2,
            peak_bytes=None if name == "loop" else size * (number + 1),
        )
        caveats = (("nonfinite", "0 * NaN leaks | spreads"),) if name == "einsum" else ()
        if name == "einsum" and on.direction == "backward" and on.shape == "large":
            outcome = Failed("measure", "ran out of memory (8.6 GB asked)", "Traceback …")
        if name == "loop" and on.dtype == "bfloat16":
            outcome = Wrong("check", "forward is off by 31 tolerances at [0, 3]", 31.0)
        found.append(record(name, outcome, on, caveats=caveats))
    found.append(record("triton", Unsupported("needs triton, which isn't installed"), on))
    return found


def profile(contender="einsum", on=None) -> Profile:
    """A profiled job."""
    rows = (
        OperatorRow(
            name="aten::zeros", calls=1, self_time_s=1e-6, total_time_s=2e-6, self_bytes=4096
        ),
        OperatorRow(
            name="aten::bmm", calls=2, self_time_s=3e-5, total_time_s=3.1e-5, self_bytes=1.5e6
        ),
    )
    return Profile(
        contender=contender,
        case=on or case(),
        trace="traces/x/einsum.pt.trace.json",
        operators=rows,
        peak_bytes=1 << 20,
        work=Work(
            flops=3e6,
            bytes=5.68e6,
            outside=0.1,
            declared_flops=2_000_000,
            declared_bytes=2_630_000,
        ),
        code=("traces/x/einsum.kernels.cpp",),
    )


def make_run(root: Path, run_id="example") -> run_folder.RunFolder:
    """The synthetic run, written below `root`; one of its jobs was never finished."""
    folder = run_folder.create(root, info(run_id))
    lines = [line for done in records() for line in (Started(done.contender, done.case), done)]
    text = "".join(run_folder.codec.dumps(line) + "\n" for line in lines)
    (folder.path / "records.jsonl").write_text(text, encoding="utf-8")
    folder.append(profile())
    folder.append(Started("index_add", case(shape="unfinished")))
    return folder
