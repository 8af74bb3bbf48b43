"""From records to a choice: who may be chosen, the regions, and what choosing costs."""

import dataclasses
import math

import pytest

from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Terms
from opbench.results.choosing.gather import choose_for, gather
from opbench.results.choosing.rules import chosen, contenders_of
from opbench.results.errors import EnvironmentsDifferError, NothingRecordedError
from opbench.results.records import Environment, Wrong, run_folder
from tests.results.choosing.examples import SIZES, case, choice, race, races_run, run_of
from tests.results.examples import info, measured, record

#: Where the lines of "eager" and "fused" cross.
CROSSING = 1.8e-5 / 8e-10


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return choice(tmp_path_factory.mktemp("runs"))


def chosen_for(runs, *, axes=("B", "S"), conditions=None, **terms):
    (races,), _ = gather(runs)
    return choose_for(races, conditions or Conditions(), Terms(axes=axes, **terms))


def test_each_side_of_the_crossing_has_its_winner(made):
    for rows, columns in SIZES:
        if not 0.7 < rows * columns / CROSSING < 1.5:
            due = "eager" if rows * columns < CROSSING else "fused"
            assert chosen(made.rule, {"B": rows, "S": columns}) == due
    assert set(contenders_of(made.rule)) == {"eager", "fused"}


def test_a_smooth_surface_puts_the_threshold_where_lines_cross(made):
    if made.method == "smooth":
        inside = chosen(made.rule, {"B": 16, "S": CROSSING / 16 * 0.6})
        assert inside == "eager"
        assert chosen(made.rule, {"B": 16, "S": CROSSING / 16 * 1.8}) == "fused"


def test_what_is_left_out_and_why(made):
    assert made.contenders[0] in ("eager", "fused", "torch")
    assert made.left_out == {
        "broken": "failed: raised ValueError",
        "cpp": "needs a compiler",
        "hungry": "takes up to 10.0 GB (--max-memory 1.00 GB)",
        "leaky": "wrong on nonfinite inputs: 0 * NaN leaks (--accept nonfinite)",
        "triton": "unsupported: needs triton",
    }


def test_what_is_accepted_may_be_chosen(tmp_path):
    accepting = Conditions(accepted=frozenset({"nonfinite"}), max_memory=10**9)
    found = chosen_for([races_run(tmp_path)], conditions=accepting)
    assert {"leaky", "cpp"} <= set(found.contenders)
    assert "hungry" in found.left_out


def test_one_that_is_wrong_somewhere_or_not_raced_everywhere_is_left_out(tmp_path):
    records = [item for sizes in SIZES for item in race(case(*sizes))]
    records += [record("partial", measured(1e-9), case(*SIZES[0]))]
    records += [record("odd", measured(1e-9), case(*sizes)) for sizes in SIZES[1:]]
    records += [record("odd", Wrong("value", "off", 3.0), case(*SIZES[0]))]
    found = chosen_for([run_of(tmp_path, records)])
    assert found.left_out["odd"] == "wrong on 1 of 12 shapes: off"
    assert found.left_out["partial"].startswith("not raced on 11 of 12 shapes, B4_S128 first")


def test_regret_is_that_of_shapes_that_were_left_out(made):
    assert made.regrets["chosen"].shapes == len(SIZES)
    assert made.regrets["chosen"].mean.value < made.regrets["single"].mean.value
    assert made.regrets["torch"].mean.value > 1.1
    assert made.regrets["chosen"].mean.low <= made.regrets["chosen"].mean.value
    assert made.regrets["chosen"].worst >= made.regrets["chosen"].p95


def test_what_is_never_shown_to_be_slower_isnt_split_by(tmp_path):
    equal = {"one": (1e-6, 1e-9), "two": (1.002e-6, 1.002e-9)}
    records = [item for sizes in SIZES for item in race(case(*sizes), speeds=equal)]
    found = chosen_for([run_of(tmp_path, records)])
    assert list(contenders_of(found.rule)) == [found.contenders[0]]
    assert math.isclose(found.regrets["chosen"].worst, 1.0)
    for name in equal:
        preferred = chosen_for([run_of(tmp_path, records, name)], preferred=(name,))
        assert list(contenders_of(preferred.rule)) == [name]


def test_a_preferred_one_doesnt_run_where_it_is_slower(tmp_path):
    found = chosen_for(
        [races_run(tmp_path)], conditions=Conditions(max_memory=10**9), preferred=("torch",)
    )
    assert "torch" not in set(contenders_of(found.rule))


def test_a_few_shapes_have_one_contender(tmp_path):
    records = [item for sizes in SIZES[:2] for item in race(case(*sizes))]
    found = chosen_for([run_of(tmp_path, records)])
    assert found.method == "single"
    one = chosen_for([run_of(tmp_path, race(case()), "one")])
    assert one.regrets["chosen"].mean.value == 1.0


def test_one_contender_for_all_sizes_is_the_single_best_one_by_whatever_rule(tmp_path):
    """Surfaces may take another one to be best between what was measured, of two that are close."""
    close = {"one": (1e-6, 1e-9), "two": (1.004e-6, 1.0005e-9), "slow": (1e-4, 1e-8)}
    records = [item for sizes in SIZES for item in race(case(*sizes), speeds=close)]
    found = chosen_for([run_of(tmp_path, records)])

    assert (found.method, set(contenders_of(found.rule))) == ("single", {found.fallback})
    assert not {"smooth", "tree"} & set(found.regrets)


def test_axes_that_are_hidden_are_no_thresholds(tmp_path):
    found = chosen_for([races_run(tmp_path)], axes=())
    assert len(set(contenders_of(found.rule))) == 1
    assert set(found.bounds) == {"B", "S"}


def test_weights_decide_what_is_the_best_single_one(tmp_path):
    run = races_run(tmp_path)
    few = Conditions(max_memory=10**9, compiler=False)
    small = {f"B{b}_S{s}": (100.0 if b * s < CROSSING else 0.01) for b, s in SIZES}
    large = {shape: 1 / weight for shape, weight in small.items()}
    assert chosen_for([run], conditions=few, weights=small).contenders[0] == "eager"
    assert chosen_for([run], conditions=few, weights=large).contenders[0] == "fused"


def test_a_new_contender_is_timed_beside_the_best_alone(tmp_path):
    old = [item for sizes in SIZES for item in race(case(*sizes))]
    # The machine is half as fast now.
    speeds = {"fused": (4e-5, 4e-10), "new": (4e-6, 4e-10)}
    new = [item for sizes in SIZES for item in race(case(*sizes), speeds=speeds)]
    runs = [
        run_of(tmp_path, old, "old", created="2026-01-01T00:00:00+00:00"),
        run_of(tmp_path, new, "new", created="2026-01-02T00:00:00+00:00"),
    ]
    found = chosen_for(runs)
    assert found.left_out == {}
    row = next(row for row in found.rows if row.axes == {"B": 4.0, "S": 16.0})
    ratio = row.times["eager"].time_s / row.times["fused"].time_s
    assert math.isclose(ratio, (2e-6 + 64e-9) / (2e-5 + 128e-10), rel_tol=0.02)


def test_runs_of_two_machines_arent_mixed(tmp_path):
    here = run_of(tmp_path, race(case()), "one")
    head = dataclasses.replace(info("two"), environment=Environment("other", (("cpu", "x"),)))
    with pytest.raises(EnvironmentsDifferError, match="another environment"):
        gather([here, run_folder.create(tmp_path, head)])


def test_nothing_to_choose_from_is_said(tmp_path):
    with pytest.raises(NothingRecordedError, match="no race of what is selected"):
        gather([races_run(tmp_path)], lambda case: False)
    cpp = record("cpp", measured(1e-6), case(), compiled=True)
    run = run_of(tmp_path, [cpp], "cpp")
    with pytest.raises(NothingRecordedError, match="cpp: needs a compiler"):
        chosen_for([run], conditions=Conditions(compiler=False))
    run = run_of(tmp_path, [dataclasses.replace(cpp, compiled=None)], "older")
    with pytest.raises(NothingRecordedError, match="doesn't say whether it needs a compiler"):
        chosen_for([run], conditions=Conditions(compiler=False))


def test_axes_that_are_no_numbers_are_situations_of_their_own(tmp_path):
    records = []
    for order in ("row", "swin"):
        on = dataclasses.replace(case(), axes=(("B", 4), ("order", order)))
        records.append(record("a", measured(1e-6), on))
    found, _ = gather([run_of(tmp_path, records)])
    assert [races.situation.fixed for races in found] == [(("order", "row"),), (("order", "swin"),)]
