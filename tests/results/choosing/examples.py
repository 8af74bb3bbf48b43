"""Synthetic races over sizes: contenders whose lines cross, and others that can't be chosen."""

import itertools
import math
from pathlib import Path

from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Terms
from opbench.results.choosing.gather import choose_for, gather
from opbench.results.records import Case, Failed, Unsupported, run_folder
from tests.results.examples import info, measured, record

#: By contender, what a call costs before it begins, and for each element.
SPEEDS = {"eager": (2e-6, 1e-9), "fused": (2e-5, 2e-10), "torch": (6e-6, 9e-10)}
#: Rows and columns.
SIZES = tuple(itertools.product((4, 16, 64, 256), (16, 128, 1024)))


def case(rows=4, columns=16, **fields) -> Case:
    axes = (("B", rows), ("S", columns))
    return Case(op="row_op", shape=f"B{rows}_S{columns}", axes=axes, inputs="normal", **fields)


def race(on: Case, *, speeds=None, rounds=40, noise=0.002, **fields):
    """The records of a race of one case."""
    elements = math.prod(value for _, value in on.axes)
    return [
        record(
            name,
            measured(fixed + each * elements, range(rounds), seed=seed, noise=noise, **fields),
            on,
            compiled=False,
        )
        for seed, (name, (fixed, each)) in enumerate((speeds or SPEEDS).items())
    ]


def others(on: Case):
    """Contenders that can't be chosen on a case."""
    return [
        record("leaky", measured(1e-7), on, caveats=(("nonfinite", "0 * NaN leaks"),)),
        record("cpp", measured(1e-7), on, compiled=True),
        record("hungry", measured(1e-7, peak_bytes=10**10), on, compiled=False),
        record("triton", Unsupported("needs triton"), on),
        record("broken", Failed("measure", "raised ValueError"), on),
    ]


def run_of(root: Path, records, run_id="races", **changes):
    """A run with these records."""
    folder = run_folder.create(root, info(run_id, **changes))
    folder.append(*records)
    return folder


def races_run(root: Path, run_id="races"):
    """A run of all sizes, with all contenders."""
    records = [item for sizes in SIZES for item in (*race(case(*sizes)), *others(case(*sizes)))]
    return run_of(root, records, run_id)


def choice(root: Path, **terms):
    """The choice for the run of all sizes, without those that need a compiler."""
    (races,), _ = gather([races_run(root)])
    conditions = Conditions(max_memory=10**9, compiler=False)
    return choose_for(races, conditions, Terms(axes=("B", "S"), baseline="torch", **terms))
