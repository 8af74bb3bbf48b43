"""The stages together: run, resume, profile, on real contenders."""

import json

import pytest
import torch

import opbench
from opbench.harness import profiling
from opbench.harness.execution.ready import make_ready, reference_of, settings
from opbench.harness.planning.selection import DIRECTIONS, Race, Selection
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Failed, Measured, Profile, Record, Started, Unsupported, Wrong
from opbench.results.report.frames import read
from tests.harness.runs import new_run
from tests.places import LOADED

#: However slow the machine is, a race goes on until something can be decided.
BRIEF = Policy(budget_s=0.1, patience=100.0, pilot_s=0.02)


@pytest.fixture(scope="module")
def troubled():
    return opbench.load(LOADED / "row_sum.py", LOADED / "row_sum_trouble.py", entry_points=False)


@pytest.fixture(scope="module")
def finished(troubled, tmp_path_factory):
    folder = new_run(tmp_path_factory.mktemp("runs"))
    races = opbench.plan(troubled, Selection(directions=DIRECTIONS))
    return folder, opbench.run(troubled, races, folder, policy=BRIEF)


def outcomes(records, **want):
    return {
        r.contender: r.outcome
        for r in records
        if all(getattr(r.case, name) == value for name, value in want.items())
    }


def test_each_kind_of_outcome(finished):
    found = outcomes(finished[1], shape="tall", direction="backward")
    assert {name: type(outcome) for name, outcome in found.items()} == {
        "summed": Measured,
        "loop": Unsupported,
        "without_gradient": Unsupported,
        "elsewhere": Unsupported,
        "planted_wrong": Wrong,
        "planted_raise": Failed,
    }
    assert found["loop"].reason == "takes at most 100 rows"
    assert found["without_gradient"].reason == "has no gradient"
    assert "RuntimeError: no luck today" in found["planted_raise"].traceback


def test_an_outcome_has_samples_and_work(finished):
    outcome = outcomes(finished[1], shape="small", direction="forward")["summed"]
    assert outcome.flops == 64 * 64
    assert outcome.bytes == 4 * (64 * 64 + 64)
    assert outcome.peak_bytes >= 64 * 4
    assert 0 <= outcome.error <= 1
    assert len(outcome.samples_s) == len(outcome.rounds) >= 8
    assert min(outcome.samples_s) > 0


def test_every_job_is_announced_before_its_record(finished):
    folder, records = finished
    lines = list(folder.lines())
    for record in records:
        started = lines.index(Started(record.contender, record.case))
        assert started < next(i for i, line in enumerate(lines) if line == record)
    assert folder.unfinished() == ()


def test_a_run_reads_as_a_table(finished):
    frame = read(finished[0].path)
    assert len(frame) == len(finished[1])
    assert set(frame["outcome"]) == {"Measured", "Wrong", "Failed", "Unsupported"}
    assert (frame["axis_M"].isin([16, 64])).all()


def test_resume_races_the_missing_contenders(troubled, tmp_path):
    races = opbench.plan(troubled, Selection(impls=("summed", "planted_wrong")))
    folder = new_run(tmp_path)
    first = opbench.run(troubled, races[:1], folder, policy=BRIEF)
    both = opbench.run(troubled, races, folder, policy=BRIEF)
    assert both[: len(first)] == first
    assert len(both) == 4
    before = folder.path.joinpath("records.jsonl").read_text()
    assert opbench.run(troubled, races, folder, policy=BRIEF) == both
    assert folder.path.joinpath("records.jsonl").read_text() == before


def test_a_device_that_is_not_there(troubled, tmp_path):
    races = opbench.plan(troubled, Selection(impls=("summed",), devices=("xpu",)))
    records = opbench.run(troubled, races, new_run(tmp_path), policy=BRIEF)
    assert {type(r.outcome) for r in records} == {Unsupported}
    assert "no xpu device" in records[0].outcome.reason


def test_threads_and_modes_are_put_back(troubled, tmp_path):
    before = torch.get_num_threads()
    races = opbench.plan(troubled, Selection(impls=("summed",), threads=1))
    opbench.run(troubled, races, new_run(tmp_path), policy=BRIEF)
    assert torch.get_num_threads() == before


def test_profile(troubled, tmp_path):
    folder = new_run(tmp_path)
    races = opbench.plan(troubled, Selection(expression="small"))
    found = opbench.profile(troubled, races, folder)
    profiles = {item.contender: item for item in found if isinstance(item, Profile)}
    refused = {item.contender: item for item in found if isinstance(item, Record)}
    assert set(profiles) == {"summed", "loop", "without_gradient"}
    assert set(refused) == {"elsewhere", "planted_wrong", "planted_raise"}
    summed = profiles["summed"]
    assert any(row.name == "aten::sum" and row.calls == 1 for row in summed.operators)
    assert summed.peak_bytes >= 64 * 4
    trace = json.loads((folder.path / summed.trace).read_text())
    assert any(event.get("name") == "aten::sum" for event in trace["traceEvents"])
    assert set(folder.profiles()) == set(profiles.values())


def test_traces_of_names_that_no_file_can_have_are_apart(tmp_path):
    module = tmp_path / "alike.py"
    tags = "\n".join(f"@impl('row_sum', name='{name}')" for name in ("a+b", "a_b", "a.b"))
    module.write_text(f"from opbench import impl\n\n{tags}\ndef alike(x):\n    return x.sum(1)\n")
    catalog = opbench.load(LOADED / "row_sum.py", module, entry_points=False)
    folder = new_run(tmp_path)
    races = opbench.plan(catalog, Selection(impls=("a+b", "a_b", "a.b"), expression="small"))
    found = opbench.profile(catalog, races, folder)

    assert {one.contender for one in found} == {"a+b", "a_b", "a.b"}
    assert len({one.trace for one in found}) == 3
    assert all((folder.path / one.trace).exists() for one in found)


def test_peak_memory_is_the_most_held_at_once_by_a_call():
    size = 1 << 20

    def call():
        first = torch.empty(size, dtype=torch.uint8)
        second = torch.empty(size, dtype=torch.uint8)
        del first, second
        return torch.empty(size, dtype=torch.uint8)

    assert 2 * size <= profiling.peak_bytes(call, device="cpu") < 2.1 * size


def test_compiled_contenders_start_afresh_for_each_case(troubled, tmp_path):
    seen = []

    def compiler(function):
        seen.append(function)
        return torch.compile(function, backend="eager")

    def compiled(x):
        return x.sum(1)

    opbench.impl("row_sum", prepare=compiler)(compiled)
    module = type(opbench)("compiled_module")
    module.f, module.op = compiled, troubled.ops["row_sum"]
    catalog = opbench.load(module, entry_points=False)
    races = opbench.plan(catalog, Selection(directions=("forward", "backward")))
    records = opbench.run(catalog, races, new_run(tmp_path), policy=BRIEF)
    assert [type(record.outcome) for record in records] == [Measured] * 4
    assert len(seen) == 4
    assert isinstance(races[0], Race)


@pytest.mark.parametrize(
    ("direction", "region"),
    [
        ("forward", "Torch-Compiled Region"),
        ("backward", "CompiledFunctionBackward"),
        ("both", "CompiledFunctionBackward"),
    ],
)
def test_a_compiled_contender_is_timed_compiled(catalog, direction, region):
    """The reference before the race must not make torch.compile fall back to eager code."""
    selection = Selection(
        names=("patch_pooling",),
        expression="tiny",
        impls=("compile_scatter_add",),
        directions=(direction,),
    )
    (race,) = opbench.plan(catalog, selection)
    with settings(race.case):
        reference = reference_of(catalog, race.case)
        ready = make_ready(reference, catalog.impl("patch_pooling", race.contenders[0]))
        with torch.autograd.profiler.profile() as profiled:
            ready.call()
            # Again: a backward pass is timed on one graph, many times.
            ready.call()
    names = {event.name for event in profiled.function_events}
    assert any(name.startswith(region) for name in names), names


def test_profiling_on_a_device_that_is_not_there_is_an_outcome(troubled, tmp_path):
    races = opbench.plan(troubled, Selection(impls=("summed",), devices=("xpu",)))
    found = opbench.profile(troubled, races, new_run(tmp_path))
    assert {type(record.outcome) for record in found} == {Unsupported}


def test_a_refused_profile_leaves_the_measurement(troubled, tmp_path, monkeypatch):
    folder = new_run(tmp_path)
    races = opbench.plan(troubled, Selection(impls=("summed",), expression="small"))
    measured = opbench.run(troubled, races, folder, policy=BRIEF)

    def breaks(*_, **__):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(profiling, "profile", breaks)
    (record,) = opbench.profile(troubled, races, folder)
    assert record.outcome.stage == "profile"
    assert folder.records() == measured
