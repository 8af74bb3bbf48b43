"""Contenders that only one version has: each is tried where it is."""

import pytest

from opbench.harness.execution.messages import WorkerConfig
from opbench.harness.execution.process import Limits
from opbench.harness.regression.new_contenders import try_alone
from opbench.harness.versions.sources import Version
from opbench.results.records import Case, Failed, Uncompared, Unpaired, Unsupported, Wrong
from tests.harness.projects import OPS

LIMITS = Limits(timeout_s=300.0, memory=4 << 30)
SMALL = Case(op="row_sum", shape="small", axes=(("N", 64), ("M", 64)), inputs="normal", threads=1)
LARGE = Case(
    op="row_sum", shape="small", axes=(("N", 64), ("M", 64)), inputs="normal", threads=1, seed=1
)
LACKING = Unsupported("main has no such contender")
MORE = """
from opbench import supported


@impl("row_sum")
def raises(x):
    raise RuntimeError("no luck")


@impl("row_sum")
def is_wrong(x):
    return x.sum(1) + 1


@impl("row_sum")
def crashes(x):
    import os

    os.abort()


@impl("row_sum", supports=supported("nothing")(lambda x: False))
def refuses(x):
    return x.sum(1)
"""


@pytest.fixture
def side(tmp_path):
    """A side that has contenders of every kind."""
    (tmp_path / "ops.py").write_text(OPS + MORE)
    version = Version(label="theirs", root=tmp_path, home=tmp_path, modules=("ops.py",))
    return WorkerConfig((), LIMITS.memory, (("one", version),))


def new(name, case=SMALL):
    """A contender that only the head has."""
    return Uncompared(name, case, "new", Unpaired(LACKING, None))


def test_new_contenders_are_checked_and_called_once(side):
    names = ("summed", "raises", "crashes", "is_wrong", "refuses")
    items = (*map(new, names), new("multiplied", LARGE))
    found = {item.contender: item for item in try_alone(items, {"head": side}, LIMITS)}
    assert {name: item.status for name, item in found.items()} == {
        "summed": "new",
        "raises": "head",
        "crashes": "head",
        "is_wrong": "head",
        "refuses": "new",
        "multiplied": "new",
    }
    outcomes = {name: item.outcome.head for name, item in found.items()}
    assert outcomes["summed"] is None
    assert outcomes["multiplied"] is None
    assert isinstance(outcomes["is_wrong"], Wrong)
    assert isinstance(outcomes["refuses"], Unsupported)
    assert isinstance(outcomes["raises"], Failed)
    assert "SIGABRT" in outcomes["crashes"].reason
    assert all(item.outcome.base == LACKING for item in found.values())


def test_a_vanished_contender_that_fails_has_vanished(side):
    items = [
        Uncompared(name, SMALL, "vanished", Unpaired(None, LACKING))
        for name in ("summed", "raises")
    ]
    runs, fails = try_alone(items, {"base": side}, LIMITS)
    assert (runs.status, fails.status) == ("vanished", "vanished")
    assert runs.outcome == Unpaired(None, LACKING)
    assert "no luck" in fails.outcome.base.reason


def test_no_process_starts_without_new_contenders():
    assert try_alone((), {}, LIMITS) == ()
