"""Hostile contenders in real processes: contained or undone and named, and the others unharmed."""

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import pytest

import opbench
from opbench.harness.execution.heartbeat import IDLE
from opbench.harness.execution.process import Limits, WorkerError
from opbench.harness.execution.supervisor import Supervisor
from opbench.harness.planning.selection import Selection
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Failed, Measured, Profile, Right, Unsupported, Wrong
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import open_run
from opbench.results.statistics.intervals import median, paired_log_ratios
from tests.harness.processes import PATIENCE, gone, interruptible, within
from tests.harness.runs import LOADED, new_run

OPBENCH = (sys.executable, "-m", "opbench")
FILES = tuple(str(LOADED / name) for name in ("row_sum.py", "onlooker.py", "hostile.py"))
#: However slow the machine is, a race goes on until something can be decided.
BRIEF = Policy(budget_s=0.3, patience=100.0, pilot_s=0.02)
LIMITS = Limits(timeout_s=4.0, memory=1 << 30)
#: For where nobody hangs.
PATIENT = replace(LIMITS, timeout_s=600.0)
#: In the environment of every process of the run of all.
OWN = "the run of all hostile contenders"
HONEST = ("summed", "loop", "without_gradient")

#: What becomes of each: its outcome, the cause of a failure or the stage of a wrong answer, and
#: what is said of it.
FATES = {
    "segfaults": (Failed, "crashed", "killed by SIGSEGV"),
    "segfaults_in_the_race": (Failed, "crashed", "killed by SIGSEGV"),
    "exits": (Failed, "exited", "exited with code 0"),
    "raises_system_exit": (Failed, "exited", "exited with code 3"),
    "raises": (Failed, "raised", "no luck today"),
    "hangs": (Failed, "hung", "longer than {limit:g} s"),
    "hangs_in_the_race": (Failed, "hung", "longer than {limit:g} s"),
    "hoards": (Failed, "memory", "ran out of memory"),
    "leaves_children": (Wrong, "state", "processes running (sleep); they were stopped"),
    "leaves_orphans_and_crashes": (Failed, "crashed", "killed by SIGSEGV"),
    "leaves_a_thread": (Wrong, "leftovers", "threads running (in hostile"),
    "sets_threads": (Wrong, "state", "the number of threads (2 -> 1)"),
    "sets_default_dtype": (Wrong, "state", "the default dtype"),
    "turns_gradients_off": (Wrong, "state", "grad mode"),
    "sets_deterministic": (Wrong, "state", "deterministic algorithms"),
    "sets_threads_in_the_race": (Wrong, "state", "the number of threads (2 -> 1)"),
    "remembers_in_the_race": (Wrong, "value", "elements are off"),
}


@pytest.fixture(scope="module")
def hostile():
    return opbench.load(*FILES, entry_points=False)


@pytest.fixture(scope="module")
def limits():
    """Limits by which only those take too long that never end, however busy the machine is.

    The longest that one of the others does is a small part of what is timed here.
    """
    program = "import torch; torch.use_deterministic_algorithms(True)"
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True)
    timeout_s = max(LIMITS.timeout_s, 1.5 * (time.monotonic() - start))
    return replace(LIMITS, timeout_s=float(math.ceil(timeout_s)))


@pytest.fixture(scope="module")
def survived(hostile, limits, tmp_path_factory):
    """The run of all of them on one case, and its records by contender."""
    # By which its processes are distinguished from those of other runs on this machine.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", OWN)
        return run_of_all(hostile, limits, tmp_path_factory)


def run_of_all(hostile, limits, tmp_path_factory):
    """As `survived`; but for who compiles, which takes as long as one that hangs."""
    races = opbench.plan(hostile, Selection(expression="small and not recompiles", threads=2))
    folder = new_run(tmp_path_factory.mktemp("runs"))
    with Supervisor(FILES, limits=limits) as supervisor:
        records = opbench.run(
            hostile, races, folder, policy=BRIEF, supervisor=supervisor, spot_check=False
        )
    return folder, {record.contender: record for record in records}


def test_everyone_is_accounted_for(hostile, survived):
    assert set(survived[1]) == set(hostile.impls["row_sum"]) - {"recompiles_in_the_race"}
    assert set(FATES) | {*HONEST, "looks_on", "prints", "elsewhere"} == set(survived[1])


@pytest.mark.parametrize("name", FATES)
def test_each_is_contained_and_named(survived, limits, name):
    outcome = survived[1][name].outcome
    kind, why, words = FATES[name]
    words = words.format(limit=limits.timeout_s)
    assert type(outcome) is kind
    assert (outcome.cause if kind is Failed else outcome.stage) == why
    assert words in outcome.reason


@pytest.mark.parametrize("name", ["segfaults", "segfaults_in_the_race"])
def test_a_crash_names_its_line(survived, name):
    text = survived[1][name].outcome.traceback
    assert "Segmentation fault" in text
    assert f"in {name}" in text


def test_output_is_kept_with_its_contender(survived):
    assert "garbage" in survived[1]["prints"].output
    assert all(not record.output for name, record in survived[1].items() if name in HONEST)


@pytest.mark.parametrize("name", [*HONEST, "prints"])
def test_the_others_are_measured(survived, name):
    outcome = survived[1][name].outcome
    assert isinstance(outcome, Measured)
    assert outcome.stopped in ("best", "slower", "tied", "budget")


def test_global_state_is_restored_between_contenders(survived):
    """Threads, the dtype, a spinning thread, a hoard of memory: at every call, in every process."""
    outcome = survived[1]["looks_on"].outcome
    assert isinstance(outcome, Measured), outcome


def test_the_others_stand_to_each_other_as_they_do_without_them(hostile, survived, tmp_path):
    """By rounds, in which both are slowed down alike by whatever else the machine does."""
    races = opbench.plan(hostile, Selection(expression="small", threads=2, impls=HONEST))
    with Supervisor(FILES, limits=PATIENT) as supervisor:
        few = opbench.run(
            hostile, races, new_run(tmp_path), policy=BRIEF, supervisor=supervisor, spot_check=False
        )
    alone = {record.contender: record for record in few}
    many, one = (_log_ratio(records, "loop", "summed") for records in (survived[1], alone))
    assert 0.5 < math.exp(many - one) < 2


def _log_ratio(records, slower, faster):
    """The median over the rounds that both were timed in."""
    slow, fast = (
        dict(zip(records[name].outcome.rounds, records[name].outcome.samples_s, strict=True))
        for name in (slower, faster)
    )
    return median(paired_log_ratios(slow, fast))


def test_a_contender_that_recompiles_is_excluded_alone(hostile, tmp_path):
    names = ("recompiles_in_the_race", *HONEST)
    races = opbench.plan(hostile, Selection(expression="small", threads=1, impls=names))
    with Supervisor(FILES, limits=PATIENT) as supervisor:
        records = opbench.run(
            hostile, races, new_run(tmp_path), policy=BRIEF, supervisor=supervisor, spot_check=False
        )
    compiler, *others = sorted(records, key=lambda record: record.contender in HONEST)
    assert compiler.outcome.cause == "recompiled"
    assert "compiled again while it was timed" in compiler.outcome.reason
    assert [type(record.outcome) for record in others] == [Measured] * len(HONEST)


def test_nothing_is_left_running(survived):
    assert gone(OWN)


def test_the_run_folder_is_whole(survived):
    folder, records = survived
    assert folder.unfinished() == ()
    assert {record.contender for record in open_run(folder.path).records()} == set(records)


def test_larger_shapes_of_one_that_ran_out_of_memory_are_skipped(hostile, tmp_path):
    races = opbench.plan(
        hostile, Selection(impls=("hoards", "summed"), grid="quick", threads=1)
    ) + opbench.plan(hostile, Selection(impls=("hoards", "summed"), grid="full", threads=1))
    with Supervisor(FILES, limits=PATIENT) as supervisor:
        records = opbench.run(
            hostile, races, new_run(tmp_path), policy=BRIEF, supervisor=supervisor, spot_check=False
        )
    found = {r.case.shape: r.outcome for r in records if r.contender == "hoards"}
    assert isinstance(found["small"], Failed)
    # Taller, but not as wide: it may fit.
    assert isinstance(found["tall"], Failed)
    assert isinstance(found["big"], Unsupported)
    assert found["big"].reason.startswith("skipped: it ran out of memory on small (N=64 M=64)")
    assert all(isinstance(r.outcome, Measured) for r in records if r.contender == "summed")


def test_profiling_survives_as_well(hostile, tmp_path):
    names = ("summed", "segfaults", "exits")
    races = opbench.plan(hostile, Selection(expression="small", impls=names, threads=1))
    folder = new_run(tmp_path)
    with Supervisor(FILES, limits=PATIENT) as supervisor:
        found = opbench.profile(hostile, races, folder, supervisor=supervisor)
    assert [type(item) for item in found if item.contender == "summed"] == [Profile]
    assert {r.contender: r.outcome.cause for r in found if not isinstance(r, Profile)} == {
        "segfaults": "crashed",
        "exits": "exited",
    }
    assert (folder.path / folder.profiles()[0].trace).is_file()


def test_checking_survives_as_well(hostile, limits):
    names = ("summed", "segfaults", "exits", "loop", "sets_threads", "hangs", "hoards")
    races = opbench.plan_checks(
        hostile, Selection(expression="odd and normal and contiguous", impls=names, threads=2)
    )
    with Supervisor(FILES, limits=limits) as supervisor:
        report = opbench.check(hostile, races[:1], supervisors=[supervisor])
    found = {checked.contender: checked.verdict for checked in report.checked}
    assert set(found) == set(names)
    assert {n: v.cause for n, v in found.items() if isinstance(v, Failed)} == {
        "segfaults": "crashed",
        "exits": "exited",
        "hangs": "hung",
        "hoards": "memory",
    }
    assert isinstance(found["sets_threads"], Wrong)
    assert isinstance(found["summed"], Right)
    assert isinstance(found["loop"], Right)


def test_a_worker_that_dies_between_two_jobs_is_replaced(hostile, tmp_path):
    """Nobody is blamed for what a contender of an earlier case left behind."""
    folder = new_run(tmp_path)
    with Supervisor(FILES, limits=PATIENT) as supervisor:
        for expression in ("small", "tall"):
            selection = Selection(expression=expression, impls=("summed",), threads=1)
            races = opbench.plan(hostile, selection)
            (record,) = opbench.run(
                hostile, races, folder, policy=BRIEF, supervisor=supervisor, spot_check=False
            )
            assert isinstance(record.outcome, Measured)
            assert supervisor._worker._page.read().contender == IDLE
            worker = supervisor._worker._process
            worker.kill()
            worker.wait()


@pytest.fixture
def late():
    """The contenders, and what a supervisor loads to run them."""
    files = (FILES[0], str(LOADED / "late.py"))
    return opbench.load(*files, entry_points=False), files


def test_a_contender_that_survives_alone_is_not_at_fault(late):
    catalog, files = late
    names = ("leaves_a_trap", "falls_into_it", "summed")
    races = opbench.plan_checks(
        catalog, Selection(expression="odd and normal and contiguous", impls=names, threads=1)
    )
    with Supervisor(files, limits=PATIENT) as supervisor:
        report = opbench.check(catalog, races[:1], supervisors=[supervisor])
    assert {c.contender: type(c.verdict) for c in report.checked} == dict.fromkeys(names, Right)


def test_a_contender_that_dies_beside_others_again_is_recorded(late, tmp_path):
    """In a race they can't be kept apart: their times are to be compared."""
    catalog, files = late
    names = ("leaves_a_trap", "falls_into_it", "summed")
    races = opbench.plan(catalog, Selection(expression="small", impls=names, threads=1))
    with Supervisor(files, limits=PATIENT) as supervisor:
        records = opbench.run(
            catalog, races, new_run(tmp_path), policy=BRIEF, supervisor=supervisor, spot_check=False
        )
    found = {record.contender: record.outcome for record in records}
    assert found["falls_into_it"].cause == "exited"
    assert found["falls_into_it"].reason == (
        "exited with code 1, beside other contenders; alone it did not"
    )
    assert isinstance(found["leaves_a_trap"], Measured)
    assert isinstance(found["summed"], Measured)


def test_several_processes_are_units_of_evidence(hostile, tmp_path):
    names = ("summed", "loop", "raises")
    races = opbench.plan(hostile, Selection(expression="small", impls=names, threads=1))
    with Supervisor(FILES, limits=PATIENT) as supervisor:
        records = opbench.run(
            hostile,
            races,
            new_run(tmp_path),
            policy=BRIEF,
            processes=3,
            supervisor=supervisor,
            spot_check=False,
        )
    found = {record.contender: record.outcome for record in records}
    assert set(found["summed"].units) == set(found["loop"].units) == {0, 1, 2}
    assert len(found["loop"].units) == len(found["loop"].samples_s)
    assert isinstance(found["raises"], Failed)
    with pytest.raises(ValueError, match="need a supervisor"):
        opbench.run(hostile, races, new_run(tmp_path, "two"), processes=2)


def test_a_worker_that_cannot_load_says_why(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("import a_module_that_nobody_has\n")
    with Supervisor((str(broken),)) as supervisor, pytest.raises(WorkerError, match="nobody_has"):
        supervisor.environment()


#: How the parent ends, and how many lines the run has by then: of 30.
ENDS = ((signal.SIGKILL, 2), (signal.SIGINT, 9), (signal.SIGKILL, 16))


def test_a_killed_parent_ends_its_worker_and_its_run_resumes(tmp_path):
    """Killed and interrupted until a resumed run gets through: the same jobs, each of them once."""
    words = ["run", "row_sum", "--load", FILES[0], "--grid", "full", "--budget", "0.2"]
    words += ["--threads", "1", "--pass", "forward,backward,both", "--out", str(tmp_path)]
    folder = tmp_path / "one"
    command = [*OPBENCH, *words, "--id", "one"]
    kills = 0
    for number, lines in ENDS:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TOKEN": str(tmp_path)},
            preexec_fn=interruptible,
        )
        recorded = partial(_has_lines, folder / "records.jsonl", lines)
        assert within(PATIENCE, lambda p=process, r=recorded: r() or p.poll() is not None)
        kills += process.poll() is None
        process.send_signal(number)
        process.wait()
        assert gone(str(tmp_path))
        command = [*OPBENCH, "run", "--resume", str(folder)]
    assert kills
    subprocess.run(command, check=True, capture_output=True)
    run = open_run(folder)
    wanted = opbench.plan(
        opbench.load(FILES[0], entry_points=False),
        Selection(grid="full", threads=1, directions=("forward", "backward", "both")),
    )
    jobs = {(race.case.key, name) for race in wanted for name in race.contenders}
    assert {(r.case.key, r.contender) for r in without_anchors(run.records())} == jobs
    assert run.unfinished() == ()


def _has_lines(path, number):
    return path.is_file() and path.read_text().count("\n") >= number
