"""What a gate's session times, how often, and as what. Its processes are played."""

import math
from collections import Counter
from dataclasses import dataclass, field

import pytest

from opbench.harness.execution.messages import Brief
from opbench.harness.execution.process import Death, Limits
from opbench.harness.planning.selection import Race
from opbench.harness.regression import gate as sessions
from opbench.harness.regression.process_pair import DiedError, Fighter
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

CASE = Case("op", "small", (), "normal")
ANCHOR = Race(Case("anchor_memory", "small", (), "normal"), ("torch",))
REGISTERED = Failed("prepare", "registers theirs::op with torch", cause="registered")
ABORTED = Failed("head", "crashed: killed by SIGABRT", cause="crashed")


@dataclass
class Played:
    """Processes in which contenders take, in the head, so many times as long as in the base.

    in_pairs: where that is another in pairs of processes. null: of the base against itself.
    registers: who can't be two in one process. crashes: over whom the head's process dies, as one
    of a pair. scatters: by what share units scatter, where that is more than a thousandth. started:
    how many processes there were, and pairs.
    """

    ratios: dict[str, float]
    in_pairs: dict[str, float] = field(default_factory=dict)
    null: float = 1.0
    registers: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    scatters: dict[str, float] = field(default_factory=dict)
    started: Counter[str] = field(default_factory=Counter)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def supervisor(self, *_, **__):
        """In the place of a `Supervisor`."""
        self.started["twins"] += 1
        return self

    def duel(self, *_):
        """In the place of a `Duel`."""
        self.started["pairs"] += 1
        return self

    def race_twins(self, race, policy, listener, *, arms, checked, injected):
        """As a Supervisor's."""
        del checked, injected
        for name in race.contenders:
            told = self._told(name, self.ratios, arms[1], policy.order)
            refused = name in self.registers and arms[1] == "head"
            listener.done(name, Unpaired(REGISTERED, REGISTERED) if refused else told, "")

    def times(self, race, *, seconds, order, checked, other, injected):
        """As a Duel's."""
        del seconds, checked, injected
        dying = [name for name in race.contenders if name in self.crashes]
        if dying:
            raise DiedError("head", Death(dying[0], ABORTED))
        ratios = self.ratios | self.in_pairs
        return {name: self._told(name, ratios, other, order) for name in race.contenders}

    def _told(self, name, ratios, other, number):
        """One unit; they are off by the same share to either side in turn."""
        ratio = ratios[name] if other == "head" else self.null
        off = self.scatters.get(name, 0.001) * (-1) ** number
        return Paired((1.0,), (ratio * math.exp(off),))


@pytest.fixture
def session(tmp_path, monkeypatch):
    """Runs a session of played processes, and gives its folder."""

    def run(played, *, method="twins", budget_s=60.0, may_move=True):
        monkeypatch.setattr(sessions, "Supervisor", played.supervisor)
        monkeypatch.setattr(sessions, "Duel", played.duel)
        version = Version("theirs", tmp_path, tmp_path)
        side = Fighter(Brief((), None, (("base", version),)))
        races = (Race(CASE, tuple(played.ratios)),)
        contest = sessions.Contest({"base": side, "head": side}, races, (ANCHOR,), Limits())
        folder = new_run(tmp_path)
        told = Side("main", "", "python", folder.info.environment)
        folder.append(Gate(told, told, method, GateRules()))
        sessions.gate(
            contest, folder, method=method, rules=GateRules(), budget_s=budget_s, may_move=may_move
        )
        return folder

    return run


def taken(folder, contender):
    """How many units there are of a contender, by what they are of and how they were taken."""
    units = [line for line in folder.lines() if isinstance(line, Unit)]
    return Counter((u.role, u.method) for u in units if u.contender == contender)


def verdicts(folder):
    """The verdict on each contender, and by which method."""
    return {f.contender: (f.verdict, f.method) for f in report_of(folder).findings}


@pytest.mark.parametrize("budget_s", [60.0, 0.0])
def test_a_slowdown_is_confirmed_in_fresh_processes_and_seen_in_fresh_pairs(session, budget_s):
    """However little time screening left: a flag is not left to itself."""
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


def test_who_can_not_be_two_in_one_process_is_screened_and_confirmed_in_pairs(session):
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


def test_whom_twins_were_asked_for_is_not_timed_in_pairs(session):
    played = Played({"moves": 1.0, "steady": 1.0}, registers=("moves",))
    folder = session(played, may_move=False)
    (refused,) = (line for line in folder.lines() if isinstance(line, Uncompared))
    assert (refused.contender, refused.status) == ("moves", "registered")
    assert list(verdicts(folder)) == ["steady"]
    assert played.started["pairs"] == 0


def test_whom_pairs_contradict_is_inconclusive(session):
    folder = session(Played({"slowed": 1.5}, in_pairs={"slowed": 1.0}))
    assert verdicts(folder) == {"slowed": ("inconclusive", "twins")}


def test_two_environments_are_screened_and_confirmed_in_pairs(session):
    played = Played({"slowed": 1.5, "steady": 1.0})
    folder = session(played, method="pairs")
    assert verdicts(folder) == {"slowed": ("slower", "pairs"), "steady": ("same", "pairs")}
    assert played.started == {"pairs": 2 * gating.FIRST_LOOK}


def test_who_crashes_as_one_of_a_pair_is_told_and_the_others_go_on(session):
    played = Played({"crashes": 1.0, "steady": 1.0}, crashes=("crashes",))
    folder = session(played, method="pairs")
    (refused,) = (line for line in folder.lines() if isinstance(line, Uncompared))
    assert (refused.contender, refused.status) == ("crashes", "head")
    assert verdicts(folder) == {"steady": ("same", "pairs")}
    # One more for the first unit, whose processes died.
    assert played.started == {"pairs": gating.FIRST_LOOK + 1}


def test_who_is_undecided_when_time_is_over_is_inconclusive(session):
    """After the first look, and not before."""
    folder = session(Played({"unsteady": 1.0}, scatters={"unsteady": 0.5}), budget_s=0.0)
    assert verdicts(folder) == {"unsteady": ("inconclusive", "twins")}
    assert taken(folder, "unsteady") == {("screen", "twins"): gating.FIRST_LOOK}


def test_who_is_undecided_is_timed_until_it_is_known_and_the_others_are_left_alone(session):
    folder = session(Played({"unsteady": 1.0, "steady": 1.0}, scatters={"unsteady": 0.02}))
    assert verdicts(folder)["unsteady"] == ("same", "twins")
    assert taken(folder, "unsteady")["screen", "twins"] > gating.FIRST_LOOK
    assert taken(folder, "steady") == {("screen", "twins"): gating.FIRST_LOOK}


def test_where_the_base_differs_from_itself_nothing_is_believed(session):
    assert report_of(session(Played({"steady": 1.0}, null=1.5))).is_void
