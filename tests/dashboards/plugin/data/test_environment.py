"""The environment of a run."""

import dataclasses

import pytest

from opbench.dashboards.plugin.data.environment import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.records import Calibration, Ceilings, Environment, GateRules, Power, codec
from opbench.results.records.anchors import ANCHORS
from tests.results.examples import ENVIRONMENT, case, make_run, measured, record

CEILINGS = Ceilings(
    environment_key=ENVIRONMENT.key,
    device="cpu",
    threads=2,
    memory=((1024, 1e11), (1 << 30, 1e10)),
    matmul=(("float32", 1e12),),
    dispatch_s=1e-6,
)
CALIBRATION = Calibration(
    environment_key=ENVIRONMENT.key,
    device="cpu",
    threads=2,
    created="2026-01-01",
    rules=GateRules(),
    subjects=28,
    sessions=80,
    failed=0,
    void=1,
    inconclusive=2,
    powers=(Power(0.03, 59, 60),),
    spreads=(("twins", 0.01),),
)


@pytest.fixture
def found(tmp_path):
    folder = make_run(tmp_path)
    folder.append(CEILINGS, CALIBRATION, *(record("it", measured(1e-5), case(a)) for a in ANCHORS))
    other = make_run(tmp_path, "other")
    facts = Environment("cpu-9", (("cpu", "Example | 2 cores"), ("torch", "2.14.0")))
    head = dataclasses.replace(other.info, environment=facts)
    (other.path / "run.json").write_text(codec.dumps(head))
    return answer(LogFolder(str(tmp_path)), {"run": ["example"]})


def test_facts_and_rules_are_there(found):
    assert dict(found["stable"]) == dict(ENVIRONMENT.stable)
    assert found["rules"] == {"tie": 0.01, "precision": 0.03, "error": 0.01}


def test_ceilings_and_anchors_are_there(found):
    (ceilings,) = found["ceilings"]
    assert ceilings["memory"] == [(1024, 1e11), (1 << 30, 1e10)]
    (anchors,) = found["anchors"]
    assert [name for name, _ in anchors["times"]] == list(ANCHORS)


def test_the_calibration_has_rates_with_intervals(found):
    nothing, injected = found["calibrations"][0]["rows"]
    assert (nothing["failed"], nothing["of"], nothing["low"]) == (0, 80, 0.0)
    assert 0 < nothing["high"] < 0.05
    assert (injected["slowdown"], injected["failed"]) == (0.03, 59)
    assert injected["low"] < 59 / 60 < injected["high"]


def test_other_runs_are_there_with_what_differs(found):
    (other,) = found["others"]
    assert not other["same"]
    assert other["differs"] == [("torch", "2.13.0", "2.14.0")]
