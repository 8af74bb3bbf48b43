"""Real processes that race what they are told, driven without a cluster."""

import json
import time

import psutil
import pytest

from opbench.harness.catalog import load
from opbench.harness.fleet.drive import Driver
from opbench.harness.fleet.engine import FleetObserver, FleetRun
from opbench.harness.fleet.kinds import parse_kinds
from opbench.harness.fleet.messages import Order, name_of, reply_of
from opbench.harness.fleet.node_process import NodeProcess
from opbench.harness.fleet.plan import Planner
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Selection
from opbench.results.records import Failed, Measured, Record
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import open_run
from opbench.results.store.attempts import StoredRun
from opbench.results.store.collecting import collect
from opbench.results.store.nodes import NodeHistory
from tests.behaviour.commands import run
from tests.harness.fleet.engines import LocalEngine
from tests.harness.processes import PATIENCE, gone, within
from tests.harness.runs import BRIEF, MINE
from tests.places import LOADED

ROW_SUM = str(LOADED / "row_sum.py")
SELECTION = Selection(names=("row_sum",), threads=1)


def plain(lines):
    """What records say but for what is measured; the machine's ceilings may be among the lines."""
    return sorted(
        (r.case.key, r.contender, type(r.outcome).__name__, r.fingerprint, r.environment_key)
        for r in lines
        if isinstance(r, Record)
    )


@pytest.fixture
def settings(tmp_path):
    return {
        "names": ["row_sum"],
        "load": [ROW_SUM],
        "budget": 0.1,
        "threads": 1,
        "store": f"file://{tmp_path}/store",
        "id": "n",
        "verb": "run",
    }


@pytest.fixture
def cases():
    races = plan(load(ROW_SUM, entry_points=False), SELECTION)
    return {name_of(race.case): race.case for race in races}


def test_nodes_make_the_records_of_a_local_run_though_one_is_killed(
    settings, cases, tmp_path, monkeypatch
):
    store = settings["store"]
    kinds, named = parse_kinds(""), {"": cases}
    stored, history = StoredRun(store, "n"), NodeHistory(store)
    fleet_run = FleetRun(stored=stored, history=history, kinds=kinds, cases=named)
    engine, killed = LocalEngine({"": json.dumps(settings)}, tmp_path, ("a", "b")), []

    def kill_once(node, order):
        send(node, order)
        if order.do == "race" and not killed:
            killed.append(node)
            engine.processes[node].kill()

    send, engine.send = engine.send, kill_once
    try:
        driver = Driver(
            run=fleet_run,
            engine=engine,
            planner=Planner(named),
            observer=FleetObserver(),
            clock=time.monotonic,
        )
        driver.drive()
    finally:
        engine.close()
    (one,) = collect(stored)
    assert (one.whole, one.cases, one.repeated, one.unusable) == (True, 2, 0, ())
    assert (driver.planner.repeated, driver.missing()) == (1, {})
    assert len(history.of(one.environment.key, "a")) >= 1
    monkeypatch.chdir(tmp_path)
    assert run("run", "row_sum", *MINE, *BRIEF, "-q", "--id", "local").code == 0
    local = open_run("runs/local").records()
    # Anchors included: those of one node, as of one run.
    assert plain(one.lines) == plain(local)
    measured = [r for r in without_anchors(local) if isinstance(r.outcome, Measured)]
    assert driver.outcomes["Measured"] == len(measured)


def test_only_the_worker_of_a_node_imports_torch(settings, tmp_path):
    # Shapes were tried by the driver, which has torch for that.
    process = NodeProcess(json.dumps({**settings, "shape": ["N=3,M=16"]}), str(tmp_path))
    try:
        assert reply_of(process.start()).did == "ready"
        (started,) = [
            child
            for child in psutil.Process().children()
            if child.status() != psutil.STATUS_ZOMBIE and "--orders" in child.cmdline()
        ]
        (worker,) = started.children()
        assert [has_torch(one) for one in (started, worker)] == [False, True]
    finally:
        process.end()


def has_torch(process):
    """Whether a process has torch's library in its memory."""
    return any("libtorch" in one.path for one in process.memory_maps())


def test_a_node_records_a_failure_without_a_race_and_ends_with_its_driver(
    settings, cases, tmp_path, monkeypatch
):
    monkeypatch.setenv("TOKEN", str(tmp_path))
    process = NodeProcess(json.dumps(settings), str(tmp_path))
    try:
        assert reply_of(process.start()).did == "ready"
        first, second = cases
        order = Order(do="fail", case=first, reason="it ended two nodes")
        assert reply_of(process.order(order.text())).outcomes == {"Failed": 4}
        unknown = reply_of(process.order(Order(do="race", case="nowhere").text()))
        assert "has no such case" in unknown.problem
        (one,) = collect(StoredRun(settings["store"], "n"))
        outcomes = {record.outcome for record in one.lines}
        assert outcomes == {Failed("race", "it ended two nodes", cause="crashed")}
        # A driver that is gone in the middle of a race takes the race and its workers with it.
        process.write(Order(do="race", case=second).text())
        process.close_input()
        assert within(PATIENCE, lambda: process.code() is not None)
        assert gone(str(tmp_path))
    finally:
        process.end()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "ended with code 2: opbench run: --orders takes a store among its options"),
        ("1", "ended with code 2: opbench run: --orders takes the options of a run as JSON"),
    ],
)
def test_a_process_that_does_not_start_says_why(tmp_path, text, problem):
    process = NodeProcess(text, str(tmp_path / "nowhere"))
    reply = reply_of(process.start())
    process.end()
    assert reply.did == "died"
    assert reply.problem.startswith(problem)
    assert reply_of(process.order("")).problem == "it was not started"
