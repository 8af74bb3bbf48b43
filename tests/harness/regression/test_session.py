"""What a gate's session times, how often, and as what. Its processes are played."""

import math
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from opbench.harness.execution.messages import WorkerConfig
from opbench.harness.execution.process import Death, Limits
from opbench.harness.planning.selection import Race
from opbench.harness.regression import units
from opbench.harness.regression.comparison import ComparisonPlan
from opbench.harness.regression.gate import gate
from opbench.harness.regression.process_pair import SideDiedError
from opbench.harness.versions.sources import Version
from opbench.results.records import (
    Case,
    Failed,
    Gate,
    GateRules,
    Paired,
    Side,
    Uncompared,
    Unit,
    Unpaired,
)
from opbench.results.regression import verdicts as gating
from opbench.results.regression.report import report_of
from tests.harness.runs import new_run

CASE = Case(op="op", shape="small", axes=(), inputs="normal")
ANCHOR = Race(replace(CASE, op="anchor_memory"), ("torch",))
REGISTERED = Failed("prepare", "registers theirs::op with torch", cause="registered")
ABORTED = Failed("head", "crashed: killed by SIGABRT", cause="crashed")


@dataclass
class Played:
    """In the place of the processes of a session."""

    #: How many times as long as in the base each contender takes in the head.
    ratios: dict[str, float]
    #: The same in pairs of processes, where it differs.
    in_pairs: dict[str, float] = field(default_factory=dict)
    #: Of the base against itself.
    control: float = 1.0
    #: The contenders whose versions can't share a process.
    registers: tuple[str, ...] = ()
    #: The contenders over which the process of the head dies, as one of a pair.
    crashes: tuple[str, ...] = ()
    #: The share by which units scatter, where it is more than a thousandth.
    scatters: dict[str, float] = field(default_factory=dict)
    #: The number of processes of twins, and of pairs of them.
    started: Counter[str] = field(default_factory=Counter)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def supervisor(self, *_, **__):
        """In the place of a `Supervisor`."""
        self.started["twins"] += 1
        return self

    def pair(self, *_):
        """In the place of a `ProcessPair`."""
        self.started["pairs"] += 1
        return self

    def race_twins(self, race, policy, observer, *, sides, checked, injected):
        """As that of a `Supervisor`."""
        del checked, injected
        for name in race.contenders:
            unit = self._unit(name, self.ratios, sides[1], policy.order)
            is_refused = name in self.registers and sides[1] == "head"
            observer.done(name, Unpaired(REGISTERED, REGISTERED) if is_refused else unit)

    def times(self, race, *, seconds, order, checked, other, injected):
        """As those of a `ProcessPair`."""
        del seconds, checked, injected
        dying = [name for name in race.contenders if name in self.crashes]
        if dying:
            raise SideDiedError("head", Death(dying[0], ABORTED))
        ratios = self.ratios | self.in_pairs
        return {name: self._unit(name, ratios, other, order) for name in race.contenders}

    def _unit(self, name, ratios, other, number):
        """One unit; they are off by the same share to either side in turn."""
        ratio = ratios[name] if other == "head" else self.control
        off = self.scatters.get(name, 0.001) * (-1) ** number
        return Paired((1.0,), (ratio * math.exp(off),))


@pytest.fixture
def session(tmp_path, monkeypatch):
    """Runs a session of played processes, and gives its folder."""

    def run(played, *, method="twins", budget_s=60.0, allow_pairs=True):
        monkeypatch.setattr(units, "Supervisor", played.supervisor)
        monkeypatch.setattr(units, "ProcessPair", played.pair)
        version = Version(label="theirs", root=tmp_path, home=tmp_path)
        config = WorkerConfig((), None, (("base", version),))
        plan = ComparisonPlan(
            sides={"base": config, "head": config},
            races=(Race(CASE, tuple(played.ratios)),),
            control=(ANCHOR,),
            limits=Limits(),
        )
        folder = new_run(tmp_path)
        side = Side("main", "", "python", folder.info.environment)
        folder.append(Gate(base=side, head=side, method=method, rules=GateRules()))
        gate(
            plan,
            folder,
            method=method,
            rules=GateRules(),
            budget_s=budget_s,
            allow_pairs=allow_pairs,
        )
        return folder

    return run


def taken(folder, contender):
    """How many units there are of a contender, by what they are of and how they were taken."""
    recorded = [line for line in folder.lines() if isinstance(line, Unit)]
    return Counter((u.role, u.method) for u in recorded if u.contender == contender)


def verdicts(folder):
    """The verdict on each contender, and by which method."""
    return {f.contender: (f.verdict, f.method) for f in report_of(folder).findings}


@pytest.mark.parametrize("budget_s", [60.0, 0.0])
def test_a_slowdown_is_confirmed_in_fresh_processes_and_verified_in_fresh_pairs(session, budget_s):
    """However little time screening left: a suspicion is not left unexamined."""
    played = Played({"slowed": 1.5, "steady": 1.0})
    folder = session(played, budget_s=budget_s)
    look = gating.FIRST_LOOK
    assert verdicts(folder) == {"slowed": ("slower", "twins"), "steady": ("same", "twins")}
    assert taken(folder, "steady") == {("screen", "twins"): look}
    assert taken(folder, "slowed") == {
        ("screen", "twins"): look,
        ("confirm", "twins"): look,
        ("beside", "twins"): look,
        ("verify", "pairs"): gating.PAIRS,
    }
    assert taken(folder, "torch") == {("null", "twins"): look}
    assert played.started == {"twins": 2 * look, "pairs": gating.PAIRS}


def test_versions_that_cannot_share_a_process_are_screened_and_confirmed_in_pairs(session):
    played = Played({"slowed": 1.5, "steady": 1.0}, registers=("slowed",))
    folder = session(played)
    look = gating.FIRST_LOOK
    assert verdicts(folder) == {"slowed": ("slower", "pairs"), "steady": ("same", "twins")}
    assert taken(folder, "slowed") == {
        ("screen", "pairs"): look,
        ("confirm", "pairs"): look,
        ("beside", "pairs"): look,
    }
    assert played.started == {"twins": look, "pairs": 2 * look}


def test_where_twins_were_requested_nothing_is_timed_in_pairs(session):
    played = Played({"moves": 1.0, "steady": 1.0}, registers=("moves",))
    folder = session(played, allow_pairs=False)
    (refused,) = (line for line in folder.lines() if isinstance(line, Uncompared))
    assert (refused.contender, refused.status) == ("moves", "registered")
    assert list(verdicts(folder)) == ["steady"]
    assert played.started["pairs"] == 0


def test_a_contender_that_pairs_refute_is_inconclusive(session):
    folder = session(Played({"slowed": 1.5}, in_pairs={"slowed": 1.0}))
    assert verdicts(folder) == {"slowed": ("inconclusive", "twins")}


def test_two_environments_are_screened_and_confirmed_in_pairs(session):
    played = Played({"slowed": 1.5, "steady": 1.0})
    folder = session(played, method="pairs")
    assert verdicts(folder) == {"slowed": ("slower", "pairs"), "steady": ("same", "pairs")}
    assert played.started == {"pairs": 2 * gating.FIRST_LOOK}


def test_a_crash_in_a_pair_is_recorded_and_the_others_go_on(session):
    played = Played({"crashes": 1.0, "steady": 1.0}, crashes=("crashes",))
    folder = session(played, method="pairs")
    (refused,) = (line for line in folder.lines() if isinstance(line, Uncompared))
    assert (refused.contender, refused.status) == ("crashes", "head")
    assert verdicts(folder) == {"steady": ("same", "pairs")}
    # One more for the first unit, whose processes died.
    assert played.started == {"pairs": gating.FIRST_LOOK + 1}


def test_undecided_contenders_are_inconclusive_when_the_time_is_up(session):
    """After the first look, and not before."""
    folder = session(Played({"unsteady": 1.0}, scatters={"unsteady": 0.5}), budget_s=0.0)
    assert verdicts(folder) == {"unsteady": ("inconclusive", "twins")}
    assert taken(folder, "unsteady") == {("screen", "twins"): gating.FIRST_LOOK}


def test_undecided_contenders_are_timed_until_decided_and_the_others_left_alone(session):
    folder = session(Played({"unsteady": 1.0, "steady": 1.0}, scatters={"unsteady": 0.02}))
    assert verdicts(folder)["unsteady"] == ("same", "twins")
    assert taken(folder, "unsteady")["screen", "twins"] > gating.FIRST_LOOK
    assert taken(folder, "steady") == {("screen", "twins"): gating.FIRST_LOOK}


def test_where_the_base_differs_from_itself_nothing_is_believed(session):
    assert report_of(session(Played({"steady": 1.0}, control=1.5))).is_void
