"""Records: what a run leaves behind, as frozen values, and the folder that they lie in."""

from __future__ import annotations

from opbench.results.records.case import AxisValue, Case
from opbench.results.records.comparison import (
    METHODS,
    NULL_ROLES,
    ROLES,
    Calibration,
    Gate,
    GateRules,
    Paired,
    Power,
    Side,
    Uncompared,
    Unit,
    Unpaired,
)
from opbench.results.records.machine import Ceilings, Environment
from opbench.results.records.outcome import (
    APART,
    CAUSES,
    Failed,
    Measured,
    OperatorRow,
    Outcome,
    Profile,
    Record,
    Right,
    Started,
    Unsupported,
    Verdict,
    Wrong,
)
from opbench.results.records.run import SCHEMA, Line, Rules, RunInfo

__all__ = [
    "APART",
    "CAUSES",
    "METHODS",
    "NULL_ROLES",
    "ROLES",
    "SCHEMA",
    "AxisValue",
    "Calibration",
    "Case",
    "Ceilings",
    "Environment",
    "Failed",
    "Gate",
    "GateRules",
    "Line",
    "Measured",
    "OperatorRow",
    "Outcome",
    "Paired",
    "Power",
    "Profile",
    "Record",
    "Right",
    "Rules",
    "RunInfo",
    "Side",
    "Started",
    "Uncompared",
    "Unit",
    "Unpaired",
    "Unsupported",
    "Verdict",
    "Wrong",
]
