"""A slowdown that is injected, and `opbench calibrate --gate`, as a whole."""

import random
import time
from dataclasses import replace
from itertools import repeat

import pytest
import torch

from benchmarks import gate_rules as rivals
from benchmarks.gate import SLOWDOWN
from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.execution.messages import Job
from opbench.harness.execution.observer import NullObserver
from opbench.harness.execution.process import Limits
from opbench.harness.execution.time_blocks import ready_blocks
from opbench.harness.planning.selection import Race
from opbench.harness.regression.calibration import record
from opbench.harness.regression.comparison import ComparisonPlan
from opbench.harness.timing import injected_slowdown, interleaving
from opbench.harness.timing.clock import HostClock, Reading, timed
from opbench.harness.timing.stopping import Policy
from opbench.harness.versions.loaded import LoadedVersions
from opbench.harness.versions.sources import Version
from opbench.results.errors import SelectionError
from opbench.results.records import Calibration, Case, Gate, GateRules, Paired, Rules, Side, Unit
from opbench.results.records.machine import Machine
from opbench.results.records.machine_cache import CALIBRATIONS
from opbench.results.records.run_folder import open_run
from opbench.results.regression import verdicts
from opbench.results.regression.report import report_of
from opbench.results.regression.verdicts import observation
from opbench.results.report.gate import headline
from opbench.results.statistics.intervals import median
from tests.harness.projects import OPS, own_imports
from tests.harness.runs import new_run

CASE = Case(op="op", shape="base", axes=(), inputs="normal")
#: A contender of some 100 µs that does the same thing each time.
COUNTING = """

@impl("row_sum")
def counting(x):
    for _ in range(5000):
        pass
    return x.sum(1)
"""


class OwnClock(HostClock):
    """Measures the time of this thread, which other work on the machine is no part of."""

    def now(self):
        """Seconds that this thread has worked."""
        return time.thread_time()

    def block(self, call, calls):
        """What the calls took of them."""
        return Reading(timed(call, calls, time.thread_time, None))


def counting():
    """A call of some 30 µs that does the same thing each time."""
    for _ in repeat(None, 3000):
        pass


def ratio_of(calls):
    policy = Policy(rules=Rules(precision=1e-9), budget_s=0.5, warmup_calls=1)
    timings = interleaving.measure(calls, clock=OwnClock(), policy=policy)
    base, head = timings["base"], timings["head"]
    shared = min(len(base.samples_s), len(head.samples_s))
    return median([h / b for b, h in zip(base.samples_s[:shared], head.samples_s, strict=False)])


def test_an_injected_head_takes_longer_by_its_share():
    calls = {"base": counting, "head": counting}
    # The machine may change its pace in an attempt, and hardly in three in a row.
    attempts = (ratio_of(injected_slowdown.slowed(calls, 0.2, OwnClock())) for _ in range(3))
    assert any(1.15 < ratio < 1.25 for ratio in attempts)


def test_a_call_still_gives_its_result():
    calls = {"base": lambda: "theirs", "head": lambda: "ours"}
    wrapped = injected_slowdown.slowed(calls, 0.5, HostClock())
    assert (wrapped["base"](), wrapped["head"]()) == ("theirs", "ours")


@pytest.mark.parametrize(("side", "heard"), [("base", set()), ("head", {0.5})])
def test_of_two_processes_that_of_the_head_is_slowed_down(tmp_path, monkeypatch, side, heard):
    (tmp_path / "ops.py").write_text(OPS)
    case = replace(CASE, op="row_sum", axes=(("N", 4), ("M", 4)), threads=torch.get_num_threads())
    job = Job(
        task="blocks",
        race=Race(case, ("summed",)),
        checked=False,
        injected={"summed": 0.5},
        side=side,
    )
    shares = set()

    def slowed(calls, share, clock):
        return {"base": calls["base"], "head": lambda: (shares.add(share), calls["head"]())[1]}

    monkeypatch.setattr(injected_slowdown, "slowed", slowed)
    with own_imports(tmp_path):
        loaded = LoadedVersions()
        version = loaded.load(
            Version(label="theirs", root=tmp_path, home=tmp_path, modules=("ops.py",))
        )
        ready = ready_blocks(loaded, version, job, NullObserver())
        shares.clear()
        ready["summed"].call()
    assert shares == heard


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A calibration of one contender, as short as can be."""
    here = tmp_path_factory.mktemp("calibrated")
    (here / "ops.py").write_text(OPS + COUNTING)
    words = ["calibrate", "--gate", "row_sum", "--impl", "counting", "--load", "./ops.py"]
    words += ["--threads", "1", "--units", "1", "--pairs", "1", "--slowdowns", "90%"]
    words += ["--sessions", "3", "--id", "one", "--plot", str(here / "power.png")]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("XDG_CACHE_HOME", str(here / "cache"))
        patch.setattr(verdicts, "SUSPECT_S", 0.1)
        assert main(words) == Exit.OK
        # What is recorded already isn't recorded again.
        assert main([*words, "--resume", "runs/one", "--json"]) == Exit.OK
    return here


def test_units_are_recorded_as_they_are_and_slowed_down(calibrated):
    lines = tuple(open_run(calibrated / "runs/one").lines())
    units = [line for line in lines if isinstance(line, Unit)]
    own = [u for u in units if u.case.op == "row_sum"]
    kinds = sorted((u.method, u.role, u.injected, u.number) for u in own if u.role != "null")
    assert kinds == [
        ("pairs", "verify", 0.0, 0),
        ("pairs", "verify", 0.9, 0),
        ("twins", "screen", 0.0, 0),
        ("twins", "screen", 0.9, 0),
    ]
    # One pair of processes would tell little: either may be off for all of its life.
    raced = {u.injected: observation(u.times) for u in own if u.role == "screen"}
    assert 0.3 < raced[0.9] < 1.3
    assert abs(raced[0.0]) < 0.3
    assert not any(u.injected for u in units if u.role == "null")
    assert {"anchor_memory", "row_sum"} <= {u.case.op for u in units if u.role == "null"}


def test_a_calibration_is_cached_for_later_gates(calibrated):
    run = open_run(calibrated / "runs/one")
    (known,) = run.calibrations()
    root = calibrated / "cache/opbench/calibrations"
    assert CALIBRATIONS.find(Machine(run.info.environment.key, "cpu", 1), root=root) == known
    # One process is too few to tell anything.
    assert (known.sessions, known.failed, known.inconclusive) == (3, 0, 3)
    assert [(power.slowdown, power.found) for power in known.powers] == [(0.9, 0)]
    assert (calibrated / "power.png").read_bytes().startswith(b"\x89PNG")


def test_a_gate_reports_it_if_it_goes_by_the_same_rules(tmp_path):
    for name, alpha in (("same", 0.01), ("other", 0.05)):
        folder = new_run(tmp_path, name)
        side = Side("main", "", "python", folder.info.environment)
        folder.append(Gate(base=side, head=side, method="twins", rules=GateRules(alpha)))
        folder.append(
            Calibration(
                environment_key="key",
                device="cpu",
                threads=1,
                created="",
                rules=GateRules(),
                subjects=28,
                sessions=80,
                failed=1,
                void=0,
                inconclusive=0,
                powers=(),
                spreads=(("twins", 0.01),),
            )
        )
        reported = "on this machine: 1 of 80 unchanged sessions failed (resampled)"
        assert (reported in headline(report_of(folder))) == (name == "same")


@pytest.mark.parametrize(
    "words",
    [
        ["calibrate"],
        ["calibrate", "--gate", "--ceilings"],
        ["calibrate", "--gate", "--slowdowns", "3"],
    ],
)
def test_senseless_arguments_are_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == Exit.USAGE
    assert "calibrate" in capsys.readouterr().err


def test_a_device_without_known_slowdowns_is_refused(tmp_path):
    races = (Race(replace(CASE, device="cuda:0"), ("cpp",)),)
    comparison = ComparisonPlan(sides={}, races=races, control=(), limits=Limits())
    with pytest.raises(SelectionError, match="what runs on cuda:0 can't be slowed down by a known"):
        record(comparison, new_run(tmp_path), slowdowns=(0.03,), twins=1, pairs=1)


def blocks(rng, *, process, times=200):
    """The blocks of a process that is off by a share for all of its life."""
    return tuple(1e-5 * (1 + process) * rng.lognormvariate(0, 0.02) for _ in range(times))


def test_rules_of_other_tools_fail_unchanged_code_in_unlike_processes():
    rng = random.Random(0)
    units = []
    for number in range(20):
        for share in (0.0, SLOWDOWN):
            off = rng.uniform(0, 0.2)
            base, head = blocks(rng, process=off), blocks(rng, process=off)
            times = Paired(base, tuple((1 + share) * value for value in head))
            units.append(
                Unit(
                    contender="cpp",
                    case=CASE,
                    method="twins",
                    role="screen",
                    number=number,
                    times=times,
                    injected=share,
                )
            )
    alarms = {
        name: rivals.rates(
            rivals.twin_times(units), rule, slowdown=SLOWDOWN, sessions=80, slowed=60
        )[0]
        for name, rule in rivals.RULES_OF_OTHERS.items()
    }
    assert alarms["pytest-benchmark, median:5%"] > 15
    assert 0 < alarms["pytest-benchmark, median:10%"] < alarms["pytest-benchmark, median:5%"]
    assert alarms["asv, Mann-Whitney at a ratio of 1.1"] < 40
    assert max(abs(observation(u.times)) for u in units if not u.injected) < 0.01
