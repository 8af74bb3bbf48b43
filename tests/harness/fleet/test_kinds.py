"""Which node is of which kind, and what is said before anything starts."""

import pytest

from opbench.harness.fleet.health import deviation
from opbench.harness.fleet.kinds import NodeFacts, kind_of, parse_kinds, plan_lines
from opbench.results.errors import SelectionError


def node(name, **labels):
    return NodeFacts(name, name, {key.replace("_", "-"): value for key, value in labels.items()})


def test_kinds_are_devices_with_labels():
    epyc, h100 = parse_kinds("cpu:epyc, gpu:h100")
    assert (epyc.device, epyc.label, h100.device, h100.label) == ("cpu", "epyc", "cuda", "h100")
    kinds = (epyc, h100)
    assert kind_of(node("a", opbench_kind="epyc"), kinds) == epyc
    assert kind_of(NodeFacts("b", "b", {"ray.io/accelerator-type": "H100"}), kinds) == h100
    assert kind_of(node("c"), kinds) is None
    (any_node,) = parse_kinds("")
    assert kind_of(node("a", opbench_kind="epyc"), (any_node,)) == any_node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cpuu:epyc", "'cpuu:epyc' begins with no device (did you mean 'cpu'?)"),
        ("cpu:a,gpu:a", "has a kind twice"),
        ("cpu,gpu:h100", "'cpu' has no label, and would take the nodes of others"),
    ],
)
def test_what_is_no_kind_is_said(text, reason):
    with pytest.raises(SelectionError) as error:
        parse_kinds(text)
    assert reason in str(error.value)


def test_the_plan_names_kinds_without_a_node():
    kinds = parse_kinds("cpu:epyc,gpu:h100")
    nodes = [node("a", opbench_kind="epyc"), node("b", opbench_kind="epyc")]
    assert plan_lines(kinds, {"cpu:epyc": 5, "gpu:h100": 4}, nodes, 2.0) == [
        "cpu:epyc: 5 cases on 2 nodes, 6 s of races on each and what comes on top",
        "gpu:h100: 4 cases, not run unless a node comes: no node has the label opbench-kind=h100",
    ]


@pytest.mark.parametrize(
    ("now", "history", "is_off"),
    [
        (2.0, (1.0, 1.01, 0.99), True),
        (0.5, (1.0, 1.01, 0.99), True),
        (1.2, (1.0, 1.01, 0.99), False),
        (2.0, (1.0, 2.1, 1.5, 0.8), False),
        (9.0, (1.0, 1.0), False),
        (9.0, (), False),
    ],
)
def test_a_node_is_off_where_it_differs_more_than_it_varies(now, history, is_off):
    reason = deviation({"anchor": now}, [{"anchor": value} for value in history])
    assert bool(reason) == is_off
