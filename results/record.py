"""What a run leaves behind, as frozen values: cases, outcomes, records and the environment.

Raw samples are kept; every statistic is derived from them when a run is read.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Version of what is written to disk. History:
#: 1  first version.
#: 2  Ceilings; Failed.cause, Measured.units and device_s, Record.output, RunInfo.rules and
#:    warnings.
#: 3  Gate, Unit, Uncompared, Calibration; Profile.side.
SCHEMA = 3

AxisValue = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Case:
    """One situation in which the contenders of an op meet."""

    op: str
    shape: str
    axes: tuple[tuple[str, AxisValue], ...]
    inputs: str
    dtype: str = "float32"
    device: str = "cpu"
    layout: str = "contiguous"
    direction: str = "forward"
    cache: str = "warm"
    threads: int = 1
    seed: int = 0
    board: str = "compute"

    @property
    def sizes(self) -> str:
        """The axes for people: "B=8 S=1024"."""
        return " ".join(f"{name}={value}" for name, value in self.axes)

    @property
    def key(self) -> str:
        """Identifies the case within a run, and across runs."""
        axes = ",".join(f"{name}={value}" for name, value in self.axes)
        return (
            f"{self.op}/{self.shape}({axes})/{self.inputs}/{self.layout}/{self.dtype}/"
            f"{self.device}/{self.direction}/{self.cache}/t{self.threads}/s{self.seed}"
            # Left out where it says nothing, as in the keys of runs that knew no boards.
            + ("" if self.board == "compute" else f"/{self.board}")
        )

    @property
    def label(self) -> str:
        """Short name for tables and charts: what differs between the cases of one op."""
        usual = (
            *(("layout", "contiguous"), ("cache", "warm"), ("device", "cpu")),
            ("board", "compute"),
        )
        rest = [getattr(self, name) for name, value in usual if getattr(self, name) != value]
        # What was timed by another program may lack the dtype, the pass or the device.
        parts = (self.shape, self.inputs, self.dtype, self.direction, *rest)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Measured:
    """A contender that was right and was timed.

    samples_s: seconds per call, one per block; rounds: the round each block belongs to, so that
    contenders of one case can be paired, and empty where it was timed by itself, as what another
    program measured; calls: calls per block.
    preparation_s: compiling and the first call. error: largest error found by the check, in units
    of the tolerance. flops, bytes: compulsory work of a call. peak_bytes: most memory that a call
    held at once, None where it was not measured. stopped: why no more samples were taken.
    units: the fresh process that each block was timed in; empty where there was one process.
    device_s: seconds per call of each block by the device's own events; empty on the CPU.
    """

    samples_s: tuple[float, ...]
    rounds: tuple[int, ...]
    calls: int
    preparation_s: float
    error: float
    flops: int
    bytes: int
    stopped: str
    peak_bytes: int | None = None
    units: tuple[int, ...] = ()
    device_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    """A contender that gave a wrong result; it is not timed."""

    stage: str
    reason: str
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A contender that does not run here, and why."""

    reason: str


#: Why two versions of a contender can't be compared though each may run: one has code of the
#: other's; or both register an op with torch under one name, which one process can't have.
APART = ("mixed", "registered")
#: What can become of a contender that fails.
CAUSES = ("raised", "crashed", "exited", "hung", "memory", "recompiled", *APART)


@dataclass(frozen=True, slots=True)
class Failed:
    """A contender that raised, crashed, hung or ran out of memory, and at which stage.

    cause: one of CAUSES.
    """

    stage: str
    reason: str
    traceback: str = ""
    cause: str = "raised"


@dataclass(frozen=True, slots=True)
class Right:
    """A contender that passed every check; error is the largest, in units of the tolerance."""

    error: float


Outcome = Measured | Wrong | Unsupported | Failed
Verdict = Right | Wrong | Unsupported | Failed


@dataclass(frozen=True, slots=True)
class Started:
    """Written before a job starts, so that what ran when a machine died is known."""

    contender: str
    case: Case


@dataclass(frozen=True, slots=True)
class Record:
    """One finished job: what a contender did on a case.

    output: the beginning of what it printed while it was prepared and checked.
    """

    contender: str
    case: Case
    outcome: Outcome
    fingerprint: str
    environment_key: str
    caveats: tuple[tuple[str, str], ...] = ()
    output: str = ""


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """One line of a profile's operator table, per call of the contender."""

    name: str
    calls: float
    self_time_s: float
    total_time_s: float
    self_bytes: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A profiled job: where its trace lies (relative to the run) and its operators.

    side: "base" or "head" where two versions were profiled.
    """

    contender: str
    case: Case
    trace: str
    operators: tuple[OperatorRow, ...]
    peak_bytes: int | None
    side: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a run was made. `stable` decides whether two runs may be compared; `volatile` (load,
    frequency) only explains.
    """

    key: str
    stable: tuple[tuple[str, str], ...]
    volatile: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The speed of light of a machine, measured: what no op on it can beat.

    memory: (bytes moved by a call, bytes per second) by rising size, the best of copying, reading
    and writing. matmul: (dtype, FLOP/s) of a square matrix product. dispatch_s: seconds per call
    of an op that does nothing. All with so many threads, on that device.
    """

    environment_key: str
    device: str
    threads: int
    memory: tuple[tuple[int, float], ...]
    matmul: tuple[tuple[str, float], ...]
    dispatch_s: float


@dataclass(frozen=True, slots=True)
class Rules:
    """By what a race is decided.

    tie: contenders closer than this are equal. precision: how narrow an interval must be (half its
    width over the ratio). error: the chance that any verdict of a race is wrong.
    """

    tie: float = 0.01
    precision: float = 0.03
    error: float = 0.01


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The head of a run folder (`run.json`).

    warnings: what was wrong with the machine when the run began.
    """

    id: str
    created: str
    command: tuple[str, ...]
    environment: Environment
    schema: int = SCHEMA
    settings: tuple[tuple[str, str], ...] = ()
    rules: Rules = Rules()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paired:
    """Two versions of a contender, timed in turn: seconds per call of the blocks of each round."""

    base_s: tuple[float, ...]
    head_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Why two versions of a contender weren't timed: what became of each; None where it was fine.

    Of a contender that only one version has, the other's is `Unsupported`.
    """

    base: Outcome | None = None
    head: Outcome | None = None


#: How a contender's two versions are timed: in one process, or in two that stand still in turn.
METHODS = ("twins", "pairs")
#: What a unit is evidence of: of the change; of what flagged contenders do in fresh processes, and
#: in fresh pairs where these were twins.
ROLES = ("screen", "confirm", "verify")
#: Or of the base against itself, by whether it goes with screening or with confirming.
NULL_ROLES = ("null", "beside")


@dataclass(frozen=True, slots=True)
class Unit:
    """What one fresh process, or one fresh pair of them, tells of a contender: one observation.

    injected: share of its own time by which the head was slowed down on purpose.
    """

    contender: str
    case: Case
    method: str
    role: str
    number: int
    times: Paired
    injected: float = 0.0


@dataclass(frozen=True, slots=True)
class Uncompared:
    """A contender of which there is nothing to compare.

    status: "new", "vanished", "base" or "head" (which one did not run), "both"; or one of APART.
    """

    contender: str
    case: Case
    status: str
    outcome: Unpaired


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two versions that a gate compares.

    label: as people call it. commit: with "+" where the working tree was changed; "" where there
    is none. python: its interpreter.
    """

    label: str
    commit: str
    python: str
    environment: Environment


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a gate promises.

    alpha: the chance that it fails a change that made nothing slower, over all that it compares.
    min_slowdown: the smallest slowdown that matters, as a share. miss: the chance that a slowdown
    of that size passes as harmless, for each contender and case.
    """

    alpha: float = 0.01
    min_slowdown: float = 0.03
    miss: float = 0.02


@dataclass(frozen=True, slots=True)
class Gate:
    """What a gate compared, and by which rules: the first line of its folder.

    method: one of METHODS, by which contenders are screened. note: why it isn't the other.
    warnings: in which way the versions may be unlike though nothing of it stands in git.
    """

    base: Side
    head: Side
    method: str
    rules: GateRules
    note: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Power:
    """In how many of so many sessions a gate found a slowdown of that share, of one contender."""

    slowdown: float
    found: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often a gate errs on a machine, and what it finds: of sessions that were resampled.

    created: when its units were recorded. subjects: contenders and cases of a session. sessions:
    in which nothing differed, and how many of these failed, were void (the base differed from
    itself), or inconclusive. spreads: by method, the standard deviation between units, the median
    over subjects, as a share.
    """

    environment_key: str
    device: str
    threads: int
    created: str
    rules: GateRules
    subjects: int
    sessions: int
    failed: int
    void: int
    inconclusive: int
    powers: tuple[Power, ...]
    spreads: tuple[tuple[str, float], ...]


Line = Started | Record | Profile | Ceilings | Gate | Unit | Uncompared | Calibration
