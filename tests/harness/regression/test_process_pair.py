"""Two versions in processes of their own: one is timed while the other stands still."""

import time
from collections import Counter

import psutil
import pytest

from opbench.harness.execution.messages import WorkerConfig
from opbench.harness.execution.process import Limits
from opbench.harness.planning.selection import Race
from opbench.harness.regression.process_pair import (
    FEWEST,
    ProcessPair,
    SideDiedError,
    refusal_of,
)
from opbench.harness.versions.sources import Version
from opbench.results.records import Case, Failed, Paired, Unpaired, Unsupported, Wrong
from tests.harness.processes import PATIENCE
from tests.harness.projects import OPS

CASE = Case(op="row_sum", shape="small", axes=(("N", 64), ("M", 64)), inputs="normal", threads=1)
LIMITS = Limits(timeout_s=PATIENCE, memory=4 << 30)
#: Contenders that do in the head what their names say.
HEAD = (
    OPS
    + """
import os, threading, time
from pathlib import Path
from opbench import supported

LIT = Path(__file__).with_name("lit")
BOMBS = []


def explode():
    while not LIT.exists():
        time.sleep(0.01)
    os._exit(7)


@impl("row_sum")
def crashes(x):
    os.abort()


@impl("row_sum")
def leaves_a_bomb(x):
    if not BOMBS:
        BOMBS.append(threading.Thread(target=explode, daemon=True))
        BOMBS[0].start()
    return x.sum(1)


@impl("row_sum")
def is_wrong(x):
    return x.sum(1) + 1


@impl("row_sum", supports=supported("nothing")(lambda x: False))
def refuses(x):
    return x.sum(1)


CALLS, KEPT = [], {}


@impl("row_sum")
def remembers(x):
    CALLS.append(None)
    return x.sum(1) if len(CALLS) < 40 else KEPT.setdefault(x.data_ptr(), x.sum(1))
"""
)
BASE = HEAD
for before, after in (
    ("os.abort()", "return x.sum(1)"),
    ("os._exit(7)", "None"),
    ("x.sum(1) + 1", "x.sum(1)"),
    ("lambda x: False", "lambda x: True"),
    ("KEPT.setdefault(x.data_ptr(), x.sum(1))", "x.sum(1)"),
):
    BASE = BASE.replace(before, after)


class Watched(ProcessPair):
    """Notes, at each block, whether the other processes are suspended, and itself."""

    def __init__(self, *given):
        super().__init__(*given)
        self.seen = []

    def _receive_time(self, side, race):
        others = all(map(self.is_suspended, self._workers.keys() - {side}))
        self.seen.append((side, others, self.is_suspended(side, within=0)))
        return super()._receive_time(side, race)

    def is_suspended(self, side, within=PATIENCE):
        """Whether all threads of a side are stopped, or get there in time: a signal takes some."""
        process = psutil.Process(self._workers[side]._process.pid)
        deadline = time.monotonic() + within
        while process.status() != psutil.STATUS_STOPPED:
            if time.monotonic() >= deadline:
                return False
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where both versions lie."""
    return tmp_path_factory.mktemp("versions")


@pytest.fixture(scope="module")
def sides(folder):
    """What the processes of base and head load."""
    found = {}
    for side, text in (("base", BASE), ("head", HEAD)):
        (folder / side).mkdir()
        (folder / side / "ops.py").write_text(text)
        version = Version(label=side, root=folder / side, home=folder / "head", modules=("ops.py",))
        found[side] = WorkerConfig((), LIMITS.memory, ((side, version),))
    return found


def times(pair, *names, seconds=0.2, checked=False, other="head"):
    """Those of contenders."""
    race = Race(CASE, names)
    return pair.times(race, seconds=seconds, order=0, checked=checked, other=other)


def test_sides_take_turns_and_the_waiting_one_is_suspended(sides):
    with Watched({**sides, "again": sides["base"]}, LIMITS) as pair:
        found = times(pair, "summed", "multiplied")
        again = times(pair, "summed", seconds=0.0, other="again")
        ids = [worker._process.pid for worker in pair._workers.values()]
        pair._workers["base"].suspend()
        assert all(map(psutil.pid_exists, ids))
    assert not any(map(psutil.pid_exists, ids))
    for paired in (*found.values(), *again.values()):
        assert isinstance(paired, Paired)
        assert len(paired.base_s) == len(paired.head_s) >= FEWEST
        assert all(0 < seconds < 1 for seconds in paired.base_s + paired.head_s)
    number = Counter(side for side, *_ in pair.seen)
    assert number["again"] == len(again["summed"].head_s)
    assert number["base"] == number["head"] + number["again"]
    assert all(other for _, other, _ in pair.seen)
    assert not all(itself for _, _, itself in pair.seen)
    # Neither is always the first of a round.
    assert {side for side, *_ in pair.seen[: 2 * number["head"] : 2]} == {"base", "head"}


@pytest.fixture(scope="module")
def fallen(sides):
    """The results of contenders that can't be timed; and the end of the head over another."""
    with ProcessPair(sides, LIMITS) as pair:
        found = times(pair, "is_wrong", "refuses", "summed", checked=True)
        with pytest.raises(SideDiedError) as caught:
            times(pair, "summed", "crashes")
    return found, caught.value


def test_a_refused_contender_names_its_side_and_others_are_timed(fallen):
    found, _ = fallen
    assert isinstance(found["is_wrong"], Unpaired)
    assert found["is_wrong"].base is None
    assert isinstance(found["is_wrong"].head, Wrong)
    assert found["refuses"].base is None
    assert isinstance(found["refuses"].head, Unsupported)
    assert isinstance(found["summed"], Paired)


def test_answers_that_turn_wrong_are_found_when_all_are_timed(sides):
    with ProcessPair(sides, LIMITS) as pair:
        found = times(pair, "remembers", "summed", checked=True)
        again = times(pair, "summed", checked=True)
    assert found["remembers"].base is None
    assert isinstance(found["remembers"].head, Wrong)
    assert "elements are off" in found["remembers"].head.reason
    assert isinstance(found["summed"], Paired)
    assert isinstance(again["summed"], Paired)


def test_a_dead_process_is_a_failure_of_its_side(fallen):
    _, error = fallen
    assert (error.side, error.contender) == ("head", "crashes")
    refused = refusal_of(error)
    assert refused.base is None
    assert isinstance(refused.head, Failed)
    assert "SIGABRT" in refused.head.reason


def test_a_process_dead_between_cases_is_a_failure_of_its_side(folder, sides):
    with ProcessPair(sides, LIMITS) as pair:
        times(pair, "leaves_a_bomb", seconds=0.0)
        (folder / "head" / "lit").touch()
        pair._workers["head"]._process.wait(timeout=PATIENCE)
        with pytest.raises(SideDiedError) as caught:
            times(pair, "summed")
    assert (caught.value.side, caught.value.contender) == ("head", "")
    assert "exited with code 7" in caught.value.failed.reason
