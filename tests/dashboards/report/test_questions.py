"""What the views may ask is asked before."""

from opbench.dashboards.plugin.routes import MODULES
from opbench.dashboards.report.collected import Collected
from opbench.dashboards.report.named_runs import log_of
from opbench.dashboards.report.questions import ask_all
from tests.dashboards.plugin.stock import crossing_run, profiles
from tests.results.examples import make_run
from tests.results.gates import make_gate


def everything(*runs):
    collected = Collected(log_of(runs))
    ask_all(collected)
    return collected


def test_every_route_is_asked(tmp_path):
    runs = (crossing_run(tmp_path), profiles(make_run(tmp_path)), make_gate(tmp_path))
    routes = {key.partition("\n")[0] for key in everything(*runs).tags}
    assert routes == {route.removeprefix("/") for route in MODULES} | {"changes"}


def test_every_axis_of_every_op_is_asked(tmp_path):
    tags = everything(crossing_run(tmp_path)).tags
    asked = "crossover\nop=patch_pooling\nrun=crossing"
    assert tags[asked] == tags[f"{asked}\nx=traffic"] == tags["crossover\nrun=crossing"]
    assert tags[f"{asked}\nx=S"] != tags[asked]


def test_profiles_of_a_case_are_compared_either_way(tmp_path):
    run = profiles(make_run(tmp_path))
    changes = [key for key in everything(run).tags if key.startswith("changes")]
    assert len(changes) == len(set(changes)) > 0
    pairs = [sorted(part.split("=")[1] for part in key.split("\n")[1:]) for key in changes]
    assert all(pairs.count(pair) == 2 for pair in pairs)


def test_of_many_races_each_is_compared_with_those_before_it(tmp_path):
    runs = [crossing_run(tmp_path, f"run-{number}") for number in range(7)]
    collected = everything(*runs)
    pairs = [key for key in (*collected.tags, *collected.refusals) if key.startswith("compare\nb")]
    assert len(pairs) == 4 * len(runs)
