"""Whatever becomes of nodes and workers: no case is lost, and none done twice without a cause."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.harness.fleet.plan import MOST_IN_A_ROW, Assignment, Planner, Task

CASES = tuple(f"case {number}" for number in range(6))


def ready(planner, *nodes, kind="cpu", key="k"):
    for node in nodes:
        planner.join(node, kind)
        assert planner.ready(node, key) == ""


def test_each_case_is_done_once_by_each_kind():
    planner = Planner({"cpu": CASES, "gpu": CASES})
    ready(planner, "a", "b")
    ready(planner, "c", kind="gpu", key="other")
    found = []
    while planner.left:
        for node in ("a", "b", "c"):
            if assignment := planner.assign(node):
                assert planner.assign(node) is None
                found.append(assignment)
                planner.done(node)
    assert sorted(a.task for a in found) == [Task(k, c) for k in ("cpu", "gpu") for c in CASES]
    assert planner.repeated == 0


def test_what_was_lost_is_done_again_last_and_failed_the_second_time():
    planner = Planner({"cpu": CASES[:2]})
    ready(planner, "a", "b")
    assert planner.assign("a") == Assignment(Task("cpu", CASES[0]))
    assert planner.leave("a", "node lost") == "again"
    assert planner.assign("b").task.case == CASES[1]
    planner.done("b")
    assert planner.assign("b").task.case == CASES[0]
    assert planner.lost("b", "killed by SIGKILL") == "failed"
    assert planner.assign("b") is None
    planner.ready("b", "k")
    reason = "ended its worker or its node 2 times: node lost; killed by SIGKILL"
    assert planner.assign("b") == Assignment(Task("cpu", CASES[0]), reason)
    planner.done("b", failed=True)
    assert (planner.left, planner.kinds["cpu"].failed, planner.repeated) == (0, 1, 2)


def test_what_was_stored_before_its_node_was_lost_is_not_done_again():
    planner = Planner({"cpu": CASES[:1]})
    ready(planner, "a")
    planner.assign("a")
    assert planner.leave("a", "node lost", stored=True) == "idle"
    assert (planner.left, planner.repeated) == (0, 0)


def test_what_the_store_has_is_not_assigned():
    planner = Planner({"cpu": CASES})
    planner.skip("cpu", (CASES[0], CASES[3], "of another run"))
    ready(planner, "a")
    assert planner.assign("a").task.case == CASES[1]
    assert (planner.kinds["cpu"].done, planner.left) == (2, 4)


def test_what_a_quarantined_node_was_to_do_is_the_next_elsewhere():
    planner = Planner({"cpu": CASES})
    ready(planner, "a", "b")
    planner.assign("a")
    planner.quarantine("a", "too slow")
    assert planner.assign("a") is None
    assert planner.assign("b").task.case == CASES[0]
    assert planner.quarantined == {"a": "too slow"}


def test_a_node_that_ends_one_case_after_another_is_suspicious():
    planner = Planner({"cpu": CASES})
    ready(planner, "a")
    for number in range(MOST_IN_A_ROW):
        assert not planner.is_suspicious("a")
        planner.assign("a")
        assert planner.lost("a", "crashed") == "again", number
        planner.ready("a", "k")
    assert planner.is_suspicious("a")
    planner.assign("a")
    planner.done("a")
    assert not planner.is_suspicious("a")


@pytest.mark.parametrize(
    ("kind", "key", "reason"),
    [
        ("cpu", "other", "its environment is other, and that of its kind k: give it another"),
        ("gpu", "k", "its environment, k, is that of the kind cpu as well"),
    ],
)
def test_environments_are_not_mixed(kind, key, reason):
    planner = Planner({"cpu": CASES, "gpu": CASES})
    ready(planner, "a")
    planner.join("b", kind)
    assert planner.ready("b", key) == reason
    assert planner.quarantined == {"b": reason}
    assert planner.assign("b") is None


def test_what_cannot_be_done_is_kept_with_its_reason():
    planner = Planner({"cpu": CASES[:1], "gpu": CASES})
    ready(planner, "a")
    planner.assign("a")
    planner.give_up("a", "the op is at fault")
    assert planner.kinds["cpu"].given_up == {CASES[0]: "the op is at fault"}
    assert (planner.is_stuck("cpu"), planner.is_stuck("gpu")) == (False, True)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 30))
def test_random_losses_lose_no_case_and_repeat_one_each_at_most(seed, nodes, cases):
    chance = random.Random(seed)
    names = [f"c{n}" for n in range(cases)]
    planner = Planner({"cpu": names})
    results, kills, alive = [], 0, [f"n{n}" for n in range(nodes)]
    ready(planner, *alive)
    at_work = {}
    for step in range(10_000):
        if not planner.left:
            break
        node = chance.choice(alive)
        if node not in at_work:
            if assignment := planner.assign(node):
                at_work[node] = assignment
            continue
        assignment = at_work.pop(node)
        if chance.random() < 0.8 or assignment.failed:
            results.append(assignment.task.case)
            planner.done(node, failed=bool(assignment.failed))
        elif chance.random() < 0.5:
            kills += 1
            planner.lost(node, "killed")
            planner.ready(node, "k")
        else:
            kills += 1
            planner.leave(node, "lost")
            alive[alive.index(node)] = f"m{step}"
            ready(planner, f"m{step}")
    assert sorted(results) == sorted(names)
    assert planner.repeated == kills
