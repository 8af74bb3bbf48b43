"""What the time of a run is spent on."""

from opbench.harness.cli.stopwatch import PhaseTimer, Stopwatch
from opbench.harness.cli.terminal import Progress
from opbench.harness.planning.selection import Race
from opbench.results.records import Case, Measured, Record

CASE = Case(op="an_op", shape="small", axes=(), inputs="normal")


class Clock:
    """Seconds that go on by one at every look."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def test_phases_end_where_others_begin():
    watch = Stopwatch(Clock())
    for phase in ("a", "b", "a", ""):
        watch.begin(phase)
    watch.begin("b")
    watch.begin("")
    assert watch.spent_s == {"a": 2.0, "b": 2.0}


def test_compiling_and_checking_are_phases_of_their_own():
    timing = PhaseTimer(Progress(), Stopwatch(Clock()))
    timing.watch.begin("loading")
    race = Race(CASE, ("one", "two"))
    timing.begin_case(race)
    timing.begin("one", "prepare")
    timing.begin("two", "compile")
    timing.begin("", "race")
    timing.end_case(race)
    measured = Measured(
        samples_s=(1.0,),
        rounds=(0,),
        calls=1,
        preparation_s=0.75,
        error=0.0,
        flops=0,
        bytes=0,
        stopped="budget",
    )
    other = Record(
        contender="one",
        case=Case(op="an_op", shape="large", axes=(), inputs="normal"),
        outcome=measured,
        fingerprint="",
        environment_key="",
    )
    records = [
        Record(contender=name, case=CASE, outcome=measured, fingerprint="", environment_key="")
        for name in race.contenders
    ]
    assert timing.spent([*records, other]) == {
        "loading": 1.0,
        "preparing": 1.5,
        "checking": 1.5,
        "racing": 1.0,
    }
    assert timing.raced_s == {CASE: 1.0}


def test_several_processes_are_prepared_in_turn():
    timing = PhaseTimer(Progress(), Stopwatch(Clock()))
    race = Race(CASE, ("one",))
    timing.begin_case(race)
    for _ in range(2):
        timing.begin("one", "prepare")
        timing.begin("", "race")
    timing.end_case(race)
    assert timing.spent([]) == {"preparing": 0.0, "checking": 3.0, "racing": 2.0}
