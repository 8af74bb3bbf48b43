"""What a line must hold beyond its types."""

from __future__ import annotations

import dataclasses
import math

import pytest

from opbench.results.errors import RunFolderError
from opbench.results.records import (
    Calibration,
    Ceilings,
    Gate,
    GateRules,
    Paired,
    Power,
    Rules,
    Started,
    Uncompared,
    Unit,
    Unpaired,
)
from opbench.results.records.validation import ensure_sound, ensure_usable, is_sound
from tests.results.examples import case, info, measured, profile, record
from tests.results.gates import BASE, HEAD

RULES = GateRules()
UNIT = Unit(
    contender="a",
    case=case(),
    method="twins",
    role="screen",
    number=0,
    times=Paired((1e-4,), (2e-4,)),
)
GATE = Gate(base=BASE, head=HEAD, method="pairs", rules=RULES)
CEILINGS = Ceilings(
    environment_key="k",
    device="cpu",
    threads=1,
    memory=((1, 1e9), (2, 1e9)),
    matmul=(("float32", 1e9),),
    dispatch_s=1e-6,
)
KNOWN = Calibration(
    environment_key="k",
    device="cpu",
    threads=1,
    created="",
    rules=RULES,
    subjects=2,
    sessions=80,
    failed=1,
    void=0,
    inconclusive=0,
    powers=(Power(0.1, 3, 4),),
    spreads=(("twins", 0.01),),
)
SOUND = (
    record(),
    record(outcome=measured(units=(0,) * 40, device_s=(1e-5,) * 40, preparation_s=math.nan)),
    Started("a", case()),
    profile(),
    UNIT,
    GATE,
    CEILINGS,
    KNOWN,
    Uncompared("a", case(), "both", Unpaired(measured(), None)),
)


@pytest.mark.parametrize("line", SOUND, ids=lambda line: type(line).__name__)
def test_lines_that_opbench_writes_are_sound(line):
    ensure_sound(line)


def timed(**changes):
    return record(outcome=dataclasses.replace(measured(), **changes))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (timed(samples_s=(), rounds=()), "no samples"),
        (timed(samples_s=(0.0,) * 40), "no time"),
        (timed(samples_s=(math.inf,) * 40), "no time"),
        (timed(samples_s=(math.nan,) * 40), "no time"),
        (timed(samples_s=(1e300,) * 40), "no time"),
        (timed(rounds=(0,)), "one value per sample"),
        (timed(units=(0,)), "one value per sample"),
        (timed(device_s=(1e-5,)), "one value per sample"),
        (timed(calls=0), "no calls"),
        (timed(bytes=-1), "negative"),
        (dataclasses.replace(UNIT, times=Paired((), ())), "pairs"),
        (dataclasses.replace(UNIT, times=Paired((1e-4,), ())), "pairs"),
        (dataclasses.replace(UNIT, times=Paired((1e-4,), (-1.0,))), "no time"),
        (dataclasses.replace(UNIT, injected=math.nan), "number"),
        (dataclasses.replace(GATE, rules=GateRules(alpha=0.0)), "no gate decides"),
        (dataclasses.replace(GATE, rules=GateRules(min_slowdown=math.nan)), "no gate decides"),
        (dataclasses.replace(CEILINGS, memory=((2, 1.0), (1, 1.0))), "rise"),
        (dataclasses.replace(CEILINGS, dispatch_s=0.0), "divided"),
        (dataclasses.replace(KNOWN, sessions=0), "sessions"),
        (dataclasses.replace(KNOWN, powers=(Power(0.1, 5, 4),)), "sessions"),
        (dataclasses.replace(KNOWN, spreads=(("twins", math.inf),)), "finite"),
        (Uncompared("a", case(), "both", Unpaired(measured(calls=0), None)), "no calls"),
    ],
)
def test_impossible_lines_are_refused(line, fault):
    assert not is_sound(line)
    with pytest.raises(RunFolderError, match=f"{type(line).__name__} cannot be used: .*{fault}"):
        ensure_sound(line)


def test_operators_of_a_profile():
    row = dataclasses.replace(profile().operators[0], calls=math.nan)
    assert not is_sound(dataclasses.replace(profile(), operators=(row,)))


@pytest.mark.parametrize("changes", [{"tie": -1.0}, {"precision": 0.0}, {"error": 1.0}])
def test_rules(changes):
    ensure_usable(info(rules=Rules(tie=0.99)))
    with pytest.raises(RunFolderError, match="no race can be decided by"):
        ensure_usable(info(rules=Rules(**changes)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("threads", ""), ("threads", '"2"'), ("threads", "true"), ("budget", "[1]")),
        *(("names", "7"), ("names", "[7]"), ("load", '"x"'), ("grid", "{}"), ("grid", "[[]]")),
    ],
)
def test_settings_are_options(name, text):
    kept = (("names", '["a"]'), ("load", "[]"), ("threads", "2"), ("precision", "null"))
    ensure_usable(dataclasses.replace(info(), settings=(*kept, ("base_commit", '"12ab"'))))
    with pytest.raises(RunFolderError, match=f"its setting '{name}' can't be "):
        ensure_usable(dataclasses.replace(info(), settings=((name, text),)))
