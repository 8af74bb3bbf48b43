"""The synthetic folder of a gate: what it compared, as units, and what it could not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from opbench.results.records import (
    Case,
    Gate,
    GateRules,
    Paired,
    Side,
    Uncompared,
    Unit,
    Unpaired,
    Unsupported,
    run_folder,
)
from tests.results.examples import ENVIRONMENT, case, info

BASE = Side("main", "0123456789abcdef", "python3", ENVIRONMENT)
HEAD = Side("the working tree", "fedcba9876543210+", "python3", ENVIRONMENT)
#: Of each contender, by which factor its head is slower.
CHANGES = {"copies": 1.25, "steady": 1.0, "improved": 0.8}


def units(contender: str, on: Case, factor: float, *, role="screen", number=9, spread=0.003):
    """Observations of a contender whose head takes `factor` times as long as its base."""
    rng = np.random.default_rng(sum(map(ord, contender + role)))
    method = "pairs" if role == "verify" else "twins"
    return [
        Unit(
            contender=contender,
            case=on,
            method=method,
            role=role,
            number=unit,
            times=Paired((1e-4,), (1e-4 * factor * noise,)),
        )
        for unit, noise in enumerate(np.exp(rng.normal(0, spread, number)).tolist())
    ]


def lines(on: Case) -> list[Unit | Uncompared]:
    """Those of CHANGES, the suspects confirmed; one undecided, one that is new.

    The base against itself shows no difference.
    """
    found: list[Unit | Uncompared] = []
    for contender, factor in CHANGES.items():
        found += units(contender, on, factor)
    for role in ("confirm", "verify"):
        found += units("copies", on, CHANGES["copies"], role=role)
    found += units("unsteady", on, 1.02, number=4, spread=0.1)
    found += units("copies", on, 1.0, role="null")
    lacking = Unpaired(Unsupported("main has no such contender"), None)
    return [*found, Uncompared("fresh", on, "new", lacking)]


def make_gate(
    root: Path, run_id="gate", on: Case | None = None, **settings
) -> run_folder.RunFolder:
    """A gate's folder below `root`, begun with `--base main` and what `settings` say."""
    asked = {"base": "main", "head": ".", "threads": 1, **settings}
    kept = tuple((name, json.dumps(value)) for name, value in asked.items())
    folder = run_folder.create(root, dataclasses.replace(info(run_id), settings=kept))
    folder.append(Gate(base=BASE, head=HEAD, method="twins", rules=GateRules()))
    for line in lines(on or case()):
        folder.append(line)
    return folder
