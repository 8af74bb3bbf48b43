"""The names of a contender on a case in pytest-benchmark, and opbench's own part of its files.

The items of the pytest plugin and `opbench export --format pytest-benchmark` take it from here, so
that pytest-benchmark compares the one with the other, and `opbench import` reads both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from opbench.results.records import SCHEMA, Case, Measured, Record, codec

#: The key of opbench's own part: in an item's extra_info, and beside the items.
OWN = "opbench"


def name_of(case: Case, contender: str) -> str:
    """The item's name, which pytest's -k selects on.

    "patch_pooling-tiny-normal-float32-forward-einsum", say.
    """
    return "-".join((case.op, *case.label.split(), contender))


def fullname_of(case: Case, contender: str) -> str:
    """The name by which pytest-benchmark finds the item in another file."""
    return f"{OWN}::{name_of(case, contender)}"


def group_of(case: Case) -> str:
    """The group of an item: one for each case."""
    return " ".join(part for part in (case.op, case.label, case.sizes) if part)


def params_of(case: Case, contender: str) -> dict[str, str]:
    """The parameters of an item, for --benchmark-group-by=param:NAME."""
    return {"op": case.op, "case": case.label, "contender": contender}


def extra_info_of(record: Record) -> dict[str, Any]:
    """Facts for any reader, and the record without its samples, for `opbench import`.

    record: of a contender that was measured.
    """
    assert isinstance(record.outcome, Measured)
    error = record.outcome.error
    return {
        "op": record.case.op,
        "contender": record.contender,
        "case": record.case.key,
        # JSON has no NaN, which it is where another program measured.
        "error": error if math.isfinite(error) else None,
        "bytes": record.outcome.bytes,
        "flops": record.outcome.flops,
        OWN: own(record=record),
    }


def own(**parts: object) -> Mapping[str, Any]:
    """Records, or lists of them, as the JSON that opbench writes under OWN.

    The schema stands beside them, so that a newer opbench can tell what it reads.
    """
    return {"schema": SCHEMA} | {name: _as_json(part) for name, part in parts.items()}


def _as_json(part: object) -> Any:
    """A record, or a tuple of them, as JSON."""
    if isinstance(part, tuple):
        return [_as_json(item) for item in part]
    return json.loads(codec.dumps(part))
