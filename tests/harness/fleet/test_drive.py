"""The real driver, planner and store over simulated nodes: whatever is lost, no case is."""

import pytest

from benchmarks.fleet import Fleet, SimulatedEngine, figures, simulated
from opbench.harness.fleet import drive
from opbench.harness.fleet.engine import FleetObserver
from opbench.harness.fleet.messages import MessageError, Order, Reply, order_of, reply_of
from opbench.results.store.collecting import collect

#: Nothing happens by itself.
QUIET = {"loss_s": 1e12, "stragglers": 0.0, "nodes": 2, "kinds": 1, "cases": 6}


class Notes(FleetObserver):
    """Keeps what it is notified of."""

    def __init__(self):
        self.cases, self.notes = [], []

    def done(self, case, node):
        self.cases.append(case.op)

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def fleet(tmp_path):
    """Makes the driver and the engine of a simulated fleet, each time of the same run."""
    return lambda **fields: simulated(
        Fleet(**{**QUIET, **fields}), f"file://{tmp_path}/store", observer=Notes()
    )


def done(driver):
    """How many cases the store has by kind, and how many twice."""
    found = collect(driver.run.stored)
    return [one.cases for one in found], sum(one.repeated for one in found)


def test_every_case_of_every_kind_is_done_once(fleet):
    driver, engine = fleet(kinds=2, nodes=4)
    driver.drive()
    assert done(driver) == ([6, 6], 0)
    assert (len(driver.observer.cases), driver.planner.left, driver.missing()) == (12, 0, {})
    assert all(one.whole for one in collect(driver.run.stored))
    assert [order.do for _, order in engine.sent].count("keep") == 2


@pytest.mark.parametrize("seed", range(8))
def test_lost_nodes_lose_no_case_and_repeat_one_each_at_most(fleet, seed):
    driver, engine = fleet(seed=seed, nodes=5, kinds=2, cases=40, loss_s=200.0, back_s=30.0)
    driver.drive()
    cases, repeated = done(driver)
    assert cases == [40, 40]
    assert engine.losses > 1
    assert repeated <= driver.planner.repeated <= engine.losses


@pytest.mark.parametrize("cases", [0, 1, 5])
def test_another_driver_does_what_is_missing_and_nothing_else(fleet, cases):
    class Interrupted(Exception):
        pass

    first, _ = fleet()
    note = first.observer.done

    def interrupt(case, node):
        note(case, node)
        if len(first.observer.cases) > cases:
            raise Interrupted

    first.observer.done = interrupt
    with pytest.raises(Interrupted):
        first.drive()
    second, engine = fleet()
    second.drive()
    assert done(second) == ([6], 0)
    assert sorted(first.observer.cases + second.observer.cases) == [f"op{n}" for n in range(6)]
    third, engine = fleet()
    third.drive()
    assert (third.planner.left, [o for _, o in engine.sent if o.do == "race"]) == (0, [])


def test_a_case_that_ends_its_worker_twice_is_recorded_and_others_go_on(fleet):
    driver, engine = fleet()
    engine.kills = lambda node, order: order.case.startswith("op3/")
    driver.drive()
    orders = [order for _, order in engine.sent if order.case.startswith("op3/")]
    assert [order.do for order in orders] == ["race", "race", "fail"]
    assert orders[2].reason.startswith("ended its worker or its node 2 times: n")
    assert (driver.planner.kinds["cpu:k0"].failed, done(driver)) == (1, ([6], 0))
    assert driver.left_out == {}


def test_a_node_that_ends_case_after_case_is_left_out(fleet):
    driver, engine = fleet(cases=12)
    engine.kills = lambda node, order: node == "n1"
    driver.drive()
    assert "it ended one case after another" in driver.left_out["cpu:k0"]["n1"]
    assert (done(driver), driver.planner.kinds["cpu:k0"].failed) == (([12], 0), 0)


def test_a_node_that_is_lost_is_not_called_left_out(fleet, monkeypatch):
    driver, engine = fleet()
    engine.kills = lambda node, order: node == "n1"

    def replies(timeout_s, usual=engine.replies):
        found = usual(timeout_s)
        if not any(reply.did == "died" for _, reply in found):
            return found
        del engine.there["n1"]
        return [("n1", Reply(did="lost", problem="its node was lost"))]

    monkeypatch.setattr(SimulatedEngine, "replies", lambda engine, timeout_s: replies(timeout_s))
    driver.drive()
    assert driver.left_out == {}
    assert driver.observer.notes == ["n1: its node was lost, its case is done again"]
    assert (done(driver), driver.planner.repeated) == (([6], 0), 1)


def test_a_node_that_is_off_its_history_is_left_out_and_named(fleet):
    driver, engine = fleet()
    for _ in range(3):
        driver.run.history.add("key-k0", "n0", {"anchor": 1e-4})
    driver.drive()
    reason = "it is off its own history: anchor takes 10.00 times what it took in 3 measurements"
    assert driver.left_out == {"cpu:k0": {"n0": reason}}
    assert {node for node, order in engine.sent if order.do == "race"} == {"n1"}
    assert done(driver) == ([6], 0)
    assert len(driver.run.history.of("key-k0", "n0")) == 4


def test_anchors_are_timed_before_each_batch(fleet, monkeypatch):
    monkeypatch.setattr(drive, "BATCH_S", 0.0)
    driver, engine = fleet(nodes=1, cases=3)
    driver.drive()
    assert [order.do for _, order in engine.sent] == ["keep", *["anchors", "race"] * 3]


def test_what_no_node_does_has_a_reason(fleet):
    driver, _ = fleet(kinds=2, nodes=1)
    driver.drive()
    assert driver.missing() == {"cpu:k1": "no node has the label opbench-kind=k1"}
    assert done(driver) == ([6], 0)
    nowhere, _ = fleet(nodes=0)
    nowhere.drive()
    assert nowhere.heads == {}


def test_the_figures_of_a_simulation_add_up():
    found = figures(
        Fleet(nodes=60, kinds=5, cases=30, loss_s=600.0), "memory://opbench-test-simulation"
    )
    assert found["cases collected"] == 150
    assert (found["cases missing"], found["cases recorded as failed"]) == (0, 0)
    assert found["cases done again"] <= found["nodes lost"]
    assert found["objects in the store"] > 300


def test_messages_are_lines():
    order = Order(do="fail", case="a\nb", reason="é")
    reply = Reply(did="race", case="c", outcomes={"Measured": 2})
    assert (order_of(order.text()), reply_of(reply.text())) == (order, reply)
    assert "\n" not in order.text()
    for text in ("", "[1]", '{"do": "race", "more": 1}'):
        with pytest.raises(MessageError, match="no order of a fleet"):
            order_of(text)
        with pytest.raises(MessageError, match="no reply of a node"):
            reply_of(text)
