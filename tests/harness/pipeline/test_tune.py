"""Tuning on times that are known: which shapes are raced by whom, and when it ends. No clock."""

import dataclasses
import itertools
import math
from itertools import count

import pytest

import opbench
from opbench.harness.choosing.call_axes import call_axes
from opbench.harness.pipeline.tune import TRIED_AGAIN, Goal, tune
from opbench.harness.pipeline.tuning_state import TuningRequest
from opbench.harness.planning.cases import plan
from opbench.harness.planning.selection import Selection
from opbench.harness.planning.shape_ranges import Candidate, in_range
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.choosing.candidates import Conditions
from opbench.results.choosing.choice import Terms
from opbench.results.choosing.gather import choose_for, gather
from opbench.results.choosing.rules import chosen
from opbench.results.choosing.wishes import Wishes
from opbench.results.errors import DeclarationError, NothingRecordedError, SelectionError
from opbench.results.records import Started, Unsupported
from tests.harness.runs import LOADED, new_run
from tests.results.examples import measured, record

#: By contender, what a call costs before it begins, and for each element.
SPEEDS = {"summed": (2e-5, 2e-10), "without_gradient": (2e-6, 1e-9), "loop": (2e-4, 1e-8)}
SWEEPS = Selection(sweeps=("N=2..4096", "M=4..4096"), threads=1)


@pytest.fixture(scope="module")
def strangers():
    return opbench.load(LOADED / "row_sum.py", entry_points=False)


class Machine:
    """Races by these speeds, and keeps what was raced."""

    def __init__(self, catalog, folder, speeds=SPEEDS, fails=()):
        self.catalog, self.folder, self.speeds, self.fails = catalog, folder, speeds, fails
        self.raced = []

    def race(self, races, why):
        """Record the times of each contender."""
        (race,) = races
        if race.case.shape in self.fails:
            raise DeclarationError(f"row_sum fails on {race.case.shape}")
        self.raced.append((race.case.shape, race.contenders, why))
        elements = math.prod(size for _, size in race.case.axes)
        records = []
        for name in race.contenders:
            seed, impl = len(name), self.catalog.impls["row_sum"][name]
            seconds = seconds_of(self.speeds.get(name, (0, 0)), elements)
            time = measured(seconds, noise=0.002, seed=seed)
            outcome = time if seconds else Unsupported("isn't there")
            known = {"fingerprint": fingerprint(impl), "compiled": False}
            records.append(record(name, outcome, race.case, **known))
        self.folder.append(*records)
        return records


def seconds_of(speed, elements):
    """What a call takes by a speed: what it costs before it begins and for each element."""
    return speed(elements) if callable(speed) else speed[0] + speed[1] * elements


@pytest.fixture
def request_of(strangers, tmp_path):
    """Makes requests, each with a folder of its own unless one is given."""
    numbers = count()
    op = strangers.op("row_sum")

    def made(**changes):
        """The request with these changes."""
        values = {
            "catalog": strangers,
            "op": op,
            "selection": SWEEPS,
            "candidates": in_range(op, SWEEPS),
            "axes": call_axes(op),
            "wishes": Wishes(conditions=Conditions()),
            "earlier": (),
        }
        folder = changes.pop("folder", None) or new_run(tmp_path, f"run{next(numbers)}")
        return TuningRequest(**values | changes, folder=folder)

    return made


def tuned(request, *, until=1.02, shapes=100, speeds=SPEEDS, fails=(), **options):
    """How a tune ended, its rounds, and what was raced."""
    machine, rounds = Machine(request.catalog, request.folder, speeds, fails), []
    goal = Goal(until_regret=until, max_shapes=shapes, max_time_s=options.pop("time", math.inf))
    ended = tune(request, goal, machine.race, report=rounds.append, **options)
    return ended, rounds, machine.raced


def test_it_spans_the_range_and_stops_when_choosing_costs_little(request_of):
    ended, rounds, raced = tuned(request_of())
    (view,) = ended.views
    assert ended.stopped == "reached"
    assert view.bound <= 1.02
    assert 6 < len(raced) < 40
    assert [round.step.why for round in rounds[:6]] == ["start"] * 6
    assert all(round.view.bound == math.inf for round in rounds[:5])
    corners = {"N2_M4", "N2_M4096", "N4096_M4", "big"}
    assert corners <= {shape for shape, _, _ in raced[:6]}
    near = [shape for shape, _, why in raced[6:] if why == "crossing"]
    assert near


def lost(rule):
    """What a rule loses over the range, by the speeds themselves."""
    sizes = [2.0 * 4096 ** (step / 24) / 2 ** (step / 24) for step in range(25)]
    logs = []
    for rows, columns in itertools.product(sizes, sizes[2:]):
        times = {name: fixed + each * rows * columns for name, (fixed, each) in SPEEDS.items()}
        taken = times[chosen(rule, {"N": rows, "M": columns})]
        logs.append(math.log(taken / min(times.values())))
    return math.exp(sum(logs) / len(logs))


def test_it_needs_half_of_the_shapes_of_a_grid(request_of, strangers):
    ended, _, raced = tuned(request_of())
    found = lost(ended.views[0].choice.rule)
    request = request_of()
    machine = Machine(strangers, request.folder)
    sweeps = ("N=2..4096/5", "M=4..4096/5")
    for race in plan(strangers, Selection(names=("row_sum",), sweeps=sweeps, threads=1)):
        machine.race([race], "")
    (races,), _ = gather([request.folder])
    grid = choose_for(races, Conditions(), Terms(axes=("N", "M")))
    assert len(raced) <= len(grid.rows) / 2
    assert found <= max(lost(grid.rule), 1.01)


def test_a_smaller_regret_takes_more_shapes(request_of):
    few, many = (len(tuned(request_of(), until=until)[2]) for until in (100.0, 1.005))
    assert few == 6
    assert many > few


def test_it_ends_with_the_shapes_or_the_time(request_of):
    ended, _, raced = tuned(request_of(), until=0.5, shapes=8)
    assert (ended.stopped, len(raced)) == ("shapes", 8)
    clock = count(0.0, 10.0)
    ended, _, raced = tuned(request_of(), until=0.5, time=50.0, now=lambda: next(clock))
    assert ended.stopped == "time"
    assert raced


def test_it_ends_where_no_other_shape_is_left(request_of):
    few = tuple(Candidate(f"N={n},M=8", {"N": n, "M": 8}) for n in (2, 64, 2048, 4096))
    ended, _, raced = tuned(request_of(candidates=few), until=0.5)
    assert (ended.stopped, len(raced)) == ("raced", 4)
    ended, _, raced = tuned(request_of(candidates=few[:1]))
    assert (ended.stopped, len(raced)) == ("reached", 1)


def test_futile_contenders_are_tried_again_from_time_to_time(request_of):
    speeds = SPEEDS | {"loop": (2e-3, 1e-7)}
    ended, _, raced = tuned(request_of(), until=0.5, shapes=6 + 2 * TRIED_AGAIN, speeds=speeds)
    assert set(ended.futile) == {"loop"}
    assert ended.futile["loop"] > 50
    entered = ["loop" in names for _, names, _ in raced]
    assert entered[:6] == [True] * 6
    assert entered[6:] == ([False] * (TRIED_AGAIN - 1) + [True]) * 2
    everybody = request_of(all_contenders=True)
    ended, _, raced = tuned(everybody, until=0.5, shapes=8, speeds=speeds)
    assert ended.futile == {}
    assert all("loop" in names for _, names, _ in raced)


def test_what_is_surely_slower_is_raced_on_every_fifth_shape(request_of):
    speeds = SPEEDS | {"loop": lambda elements: 2.8 * (2e-6 + 1e-9 * elements)}
    ended, _, raced = tuned(request_of(), until=0.5, shapes=26, speeds=speeds)
    assert ended.futile == {}
    proposed = [("loop" in names, names) for _, names, why in raced if why != "start"]
    assert all(enters for enters, _ in proposed[TRIED_AGAIN - 1 :: TRIED_AGAIN])
    assert sum(enters for enters, _ in proposed) <= 0.6 * len(proposed)
    (view,) = ended.views
    assert view.choice is None or "loop" not in view.choice.left_out


def test_one_that_turns_out_to_be_fast_is_raced_where_it_was_left_out(request_of):
    def loop(elements):
        """Slow wherever the range ends, and the fastest in its middle."""
        best = min(seconds_of(SPEEDS[name], elements) for name in ("summed", "without_gradient"))
        return best * (0.3 if 2e4 < elements < 1e6 else 2.5)

    request = request_of()
    ended, _, raced = tuned(request, until=0.5, shapes=40, speeds=SPEEDS | {"loop": loop})
    again = [(shape, names) for shape, names, why in raced if why == "again"]
    assert again
    for shape, names in again:
        (before,) = (n for s, n, why in raced if s == shape and why != "again")
        assert set(names) > set(before)
    (view,) = ended.views
    (races,), _ = gather([request.folder])
    assert {shape: set(row.times) for (shape, _), row in races.rows.items()} == {
        row.shape: set(row.times) for row in view.rows
    }
    assert view.choice is None or "loop" not in view.choice.left_out


def test_what_one_compares_with_is_never_futile(request_of):
    wishes = Wishes(conditions=Conditions(), baseline="loop")
    speeds = SPEEDS | {"loop": (2e-3, 1e-7)}
    # After nine shapes a choice is made, whatever is uncertain.
    ended, _, raced = tuned(request_of(wishes=wishes), until=0.5, shapes=9, speeds=speeds)
    assert all("loop" in names for _, names, _ in raced)
    assert "loop" in ended.views[0].choice.regrets


def test_what_does_not_run_is_raced_once(request_of):
    _, _, raced = tuned(request_of())
    assert ["elsewhere" in names for _, names, _ in raced] == [True] + [False] * (len(raced) - 1)


def test_without_any_contender_it_says_why(request_of):
    with pytest.raises(NothingRecordedError, match="no contender may be chosen"):
        tuned(request_of(), speeds={})


def test_a_new_contender_is_raced_beside_the_best_alone(request_of):
    old = {name: SPEEDS[name] for name in ("summed", "loop")}
    base = request_of(selection=dataclasses.replace(SWEEPS, impls=("summed", "loop")))
    _, _, before = tuned(base, until=100.0, speeds=old)
    added = request_of(earlier=(base.folder,))
    ended, rounds, raced = tuned(added, until=100.0)
    assert ended.stopped == "reached"
    assert {shape for shape, _, _ in raced} == {shape for shape, _, _ in before}
    assert {why for _, _, why in raced} == {"missing"}
    assert raced[0][1] == ("summed", "without_gradient", "elsewhere")
    assert {names[1:] for _, names, _ in raced[1:]} == {("without_gradient",)}
    assert rounds[0].view is None
    assert set(ended.views[0].choice.contenders) == set(SPEEDS)
    assert tuned(request_of(earlier=(base.folder, added.folder)), until=100.0)[2] == []


def test_a_new_contender_that_is_slow_is_not_raced_on_all(request_of):
    fast = {"summed": SPEEDS["summed"], "without_gradient": SPEEDS["without_gradient"]}
    few = dataclasses.replace(SWEEPS, impls=tuple(fast))
    base = request_of(selection=few)
    tuned(base, until=0.5, shapes=12, speeds=fast)
    added = dataclasses.replace(SWEEPS, impls=(*fast, "loop"))
    slow = SPEEDS | {"loop": (2e-3, 1e-7)}
    ended, _, raced = tuned(
        request_of(earlier=(base.folder,), selection=added), until=100.0, speeds=slow
    )
    assert len(raced) == 6
    assert "loop" in ended.futile


def test_a_contender_of_another_source_is_raced_anew(request_of, strangers):
    base = request_of()
    _, _, before = tuned(base, until=100.0)
    lines = [r for r in base.folder.records() if r.contender == "summed"]
    base.folder.append(*(dataclasses.replace(line, fingerprint="before") for line in lines))
    _, _, raced = tuned(request_of(earlier=(base.folder,)), until=100.0)
    assert len(raced) == len(before)
    assert {names[-1] for _, names, _ in raced} == {"summed"}
    assert {len(names) for _, names, _ in raced} == {2}


def test_it_goes_on_where_it_was_broken_off(request_of):
    _, _, whole = tuned(request_of(), until=1.005, shapes=12)
    broken = request_of()
    _, _, first = tuned(broken, until=1.005, shapes=7)
    case = broken.folder.records()[-1].case
    broken.folder.append(Started("loop", dataclasses.replace(case, shape="N3_M5", axes=_axes())))
    _, rounds, rest = tuned(broken, until=1.005, shapes=6)
    assert rounds[0].step.why == "interrupted"
    assert rest[0][0] == "N3_M5"
    assert first == whole[:7]
    assert tuned(request_of(folder=broken.folder), until=100.0)[2] == []


def _axes():
    """The axes of a shape that wasn't raced."""
    return (("N", 3), ("M", 5))


def test_without_a_break_it_goes_on_as_if_there_had_been_none(request_of):
    _, _, whole = tuned(request_of(), until=0.5, shapes=12)
    broken = request_of()
    parts = [tuned(broken, until=0.5, shapes=shapes)[2] for shapes in (3, 5, 4)]
    shapes = [shape for part in parts for shape, _, _ in part]
    assert shapes == [shape for shape, _, _ in whole]


def test_a_contender_that_is_new_when_it_goes_on_stays_out(request_of):
    few = dataclasses.replace(SWEEPS, impls=("summed", "loop"))
    begun = request_of(selection=few)
    tuned(begun, until=0.5, shapes=3)
    _, _, raced = tuned(request_of(folder=begun.folder), until=0.5, shapes=2)
    assert {names for _, names, _ in raced} == {("summed", "loop")}


def test_shapes_that_the_op_refuses_are_left_out(request_of):
    ended, _, raced = tuned(request_of(), until=100.0, fails=("big",))
    assert list(ended.refused) == ["N=4096,M=4096"]
    assert len(raced) == 6
    with pytest.raises(DeclarationError, match="fails on"):
        tuned(request_of(candidates=(_candidate(4096),)), fails=("N4096_M8",))


def test_where_the_op_refuses_all_shapes_that_is_the_error(request_of):
    never = dataclasses.replace(_candidate(64), text="N=-1,M=8")
    with pytest.raises(SelectionError, match="not below 0"):
        tuned(request_of(candidates=(never,)))


def _candidate(rows):
    """A shape of eight columns."""
    return Candidate(f"N={rows},M=8", {"N": rows, "M": 8})
