"""How often the gate errs, what it finds, and how long it takes; and what others' rules would say.

    python -m benchmarks.gate coverage          how often its interval misses, by simulation
    python -m benchmarks.gate record FOLDER     units with nothing changed, and with 3% injected
    python -m benchmarks.gate judge FOLDER      sessions resampled from them, and others' rules
    python -m benchmarks.gate sessions FOLDER   real sessions of `opbench gate`, of equal versions
    python -m benchmarks.gate power FOLDER      real sessions with 3% injected into one contender

All but the first and judge take long and go on where they were broken off, in the same FOLDER: an
hour and more to record. `--only topk_gating,conv2d` tries them. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from opbench.harness.execution.process import Limits, default_memory
from opbench.harness.planning.selection import Race, Selection
from opbench.harness.regression import gate
from opbench.harness.regression.calibration import SUITE, record
from opbench.harness.regression.session import SessionObserver
from opbench.harness.regression.setup import set_up_against_itself
from opbench.results.records import Environment, GateRules, Paired, RunInfo, Unit
from opbench.results.records.run_folder import RunFolder, create, open_run
from opbench.results.regression import resampling, verdicts
from opbench.results.statistics.intervals import median

RULES = GateRules()
#: What is injected, and what is asked of a gate.
SLOWDOWN = 0.03
NULL_SESSIONS, SLOWED_SESSIONS = 80, 60


def main() -> None:
    """Do what is asked for and print its figures."""
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("experiment", choices=sorted(_EXPERIMENTS))
    words.add_argument("folder", nargs="?", type=Path, help="where it is kept")
    words.add_argument("--threads", type=int, default=0, help="default: every core")
    words.add_argument("--only", default="", metavar="OPS", help="a part of the suite, to try it")
    words.add_argument("--twins", type=int, default=40, help="processes to record")
    words.add_argument("--pairs", type=int, default=8, help="pairs of processes to record")
    words.add_argument("--sessions", type=int, help="how many, where there are sessions")
    words.add_argument("--budget", default="600", metavar="S", help="of a real session")
    given = words.parse_args()
    if given.experiment != "coverage" and given.folder is None:
        words.error(f"{given.experiment} needs a FOLDER")
    _EXPERIMENTS[given.experiment](given)


def coverage(given: argparse.Namespace) -> None:
    """How often the gate's interval ends below a ratio that it should hold, over what it may."""
    sessions = given.sessions or 20_000
    rng = np.random.default_rng(0)
    print(f"upper ends below the true ratio, over the asked error; {sessions} intervals each")
    print(f"  {'units':24} {'error':>7} " + " ".join(f"{n:>5}" for n in _UNITS) + "  units")
    for name, draw in _NOISES.items():
        for error in (0.01, 0.005, 0.0025):
            told = []
            for units in _UNITS:
                drawn = (
                    verdicts.interval(draw(rng, units).tolist(), error=error)
                    for _ in range(sessions)
                )
                told.append(sum(found.high < 1 for found in drawn) / sessions / error)
            print(f"  {name:24} {error:7.2%} " + " ".join(f"{share:5.2f}" for share in told))


_UNITS = (4, 6, 9, 13, 18)
Noise = Callable[[np.random.Generator, int], "np.ndarray[tuple[int], np.dtype[np.float64]]"]
_NOISES: Mapping[str, Noise] = {
    "normal, 0.5%": lambda rng, n: rng.normal(0, 0.005, n),
    "t with 2 degrees": lambda rng, n: 0.005 * rng.standard_t(2, n),
    "one in 20 off by 20%": lambda rng, n: np.where(
        rng.random(n) < 0.05, rng.normal(0, 0.2, n), rng.normal(0, 0.005, n)
    ),
}


def record_units(given: argparse.Namespace) -> None:
    """Units of the suite in fresh processes, each time as it is and with everything slowed down."""
    comparison, environment = set_up_against_itself(_suite(given), (), _limits())
    folder = _folder(given.folder, environment)
    print(f"{_count(comparison.races)} contenders and cases into {folder.path}", flush=True)
    record(
        comparison,
        folder,
        slowdowns=(SLOWDOWN,),
        twins=given.twins,
        pairs=given.pairs,
        observer=Telling(),
    )


def judge(given: argparse.Namespace) -> None:
    """What the gate, and others' rules, say of units that were recorded."""
    units = [line for line in open_run(given.folder).lines() if isinstance(line, Unit)]
    replicates = resampling.replicates_of(units)
    print(f"{len(replicates.subjects())} contenders and cases; recorded: {_recorded(replicates)}")
    for method in ("twins", "pairs"):
        spreads = sorted(resampling.spread(replicates, method).values())
        low, high = spreads[0], spreads[-1]
        print(f"sd between {method}: median {median(spreads):.2%}, {low:.2%} to {high:.2%}")
    shares = sorted(resampling.measured_slowdown(replicates, SLOWDOWN).values())
    print(
        f"{SLOWDOWN:.0%} injected measures {median(shares):.2%} in the middle, "
        f"{shares[0]:.2%} to {shares[-1]:.2%}\n"
    )
    sessions = given.sessions or NULL_SESSIONS
    slowed = given.sessions or SLOWED_SESSIONS
    print(f"{'resampled, a suite each':44} {'false alarms':>25}   {SLOWDOWN:.0%} in one op found")
    null = resampling.simulate_unchanged(replicates, RULES, sessions=sessions)
    found = resampling.simulate_slowed(replicates, RULES, SLOWDOWN, sessions=slowed)
    _row("opbench gate", null["failed"], sessions, found["found"], slowed)
    blocks = _blocks(units)
    for name, rule in _RULES.items():
        alarms, seen = _judged(blocks, rule, sessions, slowed)
        _row(name, alarms, sessions, seen, slowed)
    print(f"\nopbench gate, unchanged: {_told(null)}; slowed: {_told(found)}")


def sessions(given: argparse.Namespace) -> None:
    """Real sessions: two commits of the same code in two worktrees, through the command."""
    suite = _suite(given)
    words = [*suite.names, "--impl", ",".join(suite.impls), "-k", suite.expression]
    words += ["--threads", str(given.threads)] if given.threads else []
    words += [
        "--base",
        "HEAD",
        "--head",
        _same_code(),
        "--budget",
        given.budget,
        "--out",
        str(given.folder / "runs"),
    ]

    def session(number: int) -> dict[str, object]:
        start = time.monotonic()
        command = [sys.executable, "-m", "opbench", "gate", *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - start
        if not done.stdout:
            return {"code": done.returncode, "seconds": seconds, "said": done.stderr[-300:]}
        told = json.loads(done.stdout)
        counts = Counter(found["verdict"] for found in told["findings"])
        return {"code": done.returncode, "seconds": seconds, "said": _told(counts)}

    done = _sessions_done(given, session, number=given.sessions or 20)
    codes = Counter(str(line["code"]) for line in done)
    seconds = sorted(float(str(line["seconds"])) for line in done)
    print(
        f"{len(done)} real sessions; exit codes: {_told(codes)}; seconds: median "
        f"{median(seconds):.0f}, {seconds[0]:.0f} to {seconds[-1]:.0f}"
    )


def _same_code() -> str:
    """A commit that has a note more than HEAD: of equal trees the gate would measure nothing."""
    note = _git("hash-object", "-w", "--stdin", text="nothing of this is code\n")
    tree = _git("ls-tree", "HEAD") + f"\n100644 blob {note}\tthe-same-code.txt\n"
    who = ("-c", "user.name=opbench", "-c", "user.email=opbench@localhost")
    return _git(*who, "commit-tree", "-m", "the same code", _git("mktree", text=tree))


def _git(*words: str, text: str = "") -> str:
    done = subprocess.run(("git", *words), input=text, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def power(given: argparse.Namespace) -> None:
    """Real sessions with one contender's head slowed down, of a few contenders at a time."""
    comparison, environment = set_up_against_itself(_suite(given), (), _limits())
    folder = given.folder
    subjects = [(race, name) for race in comparison.races for name in race.contenders]

    def session(number: int) -> dict[str, object]:
        race, name = subjects[number % len(subjects)]
        # Some others beside it, all that a session needs to tell it from.
        rest = random.Random(number).sample(comparison.races, min(4, len(comparison.races)))
        races = (race, *(other for other in rest if other != race))
        slowed = replace(comparison, races=races, injected={(race.case.key, name): SLOWDOWN})
        start = time.monotonic()
        run = _folder(folder / "runs" / f"{number}-{time.time_ns()}", environment)
        gate.gate(slowed, run, method="twins", rules=RULES, budget_s=float(given.budget))
        seconds = time.monotonic() - start
        units = [line for line in run.lines() if isinstance(line, Unit)]
        found = {(f.case.key, f.contender): f for f in verdicts.findings(units, RULES)}
        told = found.pop((race.case.key, name))
        void = verdicts.is_void(verdicts.control_findings(units, RULES))
        outcome = "void" if void else "found" if told.verdict == "slower" else told.verdict
        others = [other for (_, other), f in found.items() if f.verdict == "slower"]
        said = (
            f"{race.case.op} {race.case.label} {name}: {told.ratio.value - 1:+.1%}; others failed: "
        )
        said += ", ".join(others) or "none"
        return {"code": outcome, "seconds": seconds, "said": said}

    done = _sessions_done(given, session, number=given.sessions or SLOWED_SESSIONS)
    print(f"{len(done)} real sessions: {_told(Counter(str(p['code']) for p in done))}")


#: Blocks of two processes of one side.
Blocks = Sequence[Sequence[float]]
Rule = Callable[[Blocks, Blocks], bool]


def by_medians(base: Blocks, head: Blocks, *, bound: float) -> bool:
    """pytest-benchmark's `--benchmark-compare-fail=median:...`, of one process each."""
    return median(head[0]) > (1 + bound) * median(base[0])


def by_minima(base: Blocks, head: Blocks, *, bound: float) -> bool:
    """pytest-benchmark's `--benchmark-compare-fail=min:...`, of one process each."""
    return min(head[0]) > (1 + bound) * min(base[0])


def by_ranks(base: Blocks, head: Blocks, *, ratio: float) -> bool:
    """asv's: medians further apart than a ratio, and a Mann-Whitney test below its 0.002.

    Of two processes each, as asv has by default.
    """
    before, after = (np.concatenate([np.asarray(part) for part in side]) for side in (base, head))
    if median(after) <= ratio * median(before):
        return False
    return bool(stats.mannwhitneyu(before, after).pvalue < 0.002)


_RULES: Mapping[str, Rule] = {
    "pytest-benchmark, median:5%": lambda base, head: by_medians(base, head, bound=0.05),
    "pytest-benchmark, median:10%": lambda base, head: by_medians(base, head, bound=0.10),
    "pytest-benchmark, min:5%": lambda base, head: by_minima(base, head, bound=0.05),
    "pytest-benchmark, min:10%": lambda base, head: by_minima(base, head, bound=0.10),
    "asv, Mann-Whitney at a ratio of 1.1": lambda base, head: by_ranks(base, head, ratio=1.1),
}
#: The twins of each process, by what was injected.
TwinTimes = Mapping[float, Sequence[Mapping[verdicts.Subject, Paired]]]


def _blocks(units: Sequence[Unit]) -> TwinTimes:
    found: dict[float, dict[int, dict[verdicts.Subject, Paired]]] = {}
    for unit in units:
        if (unit.method, unit.role) == ("twins", "screen"):
            process = found.setdefault(unit.injected, {}).setdefault(unit.number, {})
            process[unit.case.key, unit.contender] = unit.times
    return {share: tuple(processes.values()) for share, processes in found.items()}


def _judged(blocks: TwinTimes, rule: Rule, sessions: int, slowed: int) -> tuple[int, int]:
    """In how many sessions a rule fails a suite that didn't change, and finds what was injected.

    Either version is run in processes of its own, as these programs do.
    """
    rng, alike = random.Random(0), blocks[0.0]
    subjects = list(alike[0])
    alarms = found = 0
    for _ in range(sessions):
        one, two, three, four = rng.sample(alike, 4)
        alarms += any(_fires(rule, subject, (one, two), (three, four)) for subject in subjects)
    for number in range(slowed):
        target = subjects[number % len(subjects)]
        base, head = rng.sample(alike, 2), rng.sample(blocks[SLOWDOWN], 2)
        found += _fires(rule, target, base, head)
    return alarms, found


def _fires(
    rule: Rule,
    subject: verdicts.Subject,
    base: Sequence[Mapping[verdicts.Subject, Paired]],
    head: Sequence[Mapping[verdicts.Subject, Paired]],
) -> bool:
    before = [process[subject].base_s for process in base if subject in process]
    after = [process[subject].head_s for process in head if subject in process]
    return bool(before and after) and rule(before, after)


class Telling(SessionObserver):
    """Prints how far a recording is."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def begin_unit(self, role: str, number: int, left: int) -> None:
        """Print a line for each process."""
        method = "pair" if role == "verify" else "process"
        passed = time.monotonic() - self._start
        print(f"{passed:7.0f} s  {method} {number + 1}: {left} contenders and cases", flush=True)


def _sessions_done(
    given: argparse.Namespace, session: Callable[[int], dict[str, object]], *, number: int
) -> list[dict[str, object]]:
    """The lines of so many sessions: those that are kept already, and those done now."""
    given.folder.mkdir(parents=True, exist_ok=True)
    path = given.folder / f"{given.experiment}.jsonl"
    texts = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = [json.loads(text) for text in texts]
    for upcoming in range(len(done), number):
        line = session(upcoming)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        done.append(line)
        code, seconds, said = line["code"], float(str(line["seconds"])), line["said"]
        print(f"session {upcoming + 1}: {code}, {seconds:.0f} s: {said}", flush=True)
    return done[:number]


def _row(name: str, alarms: int, sessions: int, found: int, slowed: int) -> None:
    print(f"{name:44} {_share(alarms, sessions):>25}   {_share(found, slowed)}")


def _share(number: int, trials: int) -> str:
    known = resampling.rate(number, trials)
    return f"{number} of {trials} ({known.low:.1%} to {known.high:.1%})"


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts))


def _recorded(replicates: resampling.Replicates) -> str:
    kinds = sorted((k for k in replicates.processes if k[1] != "null"), reverse=True)
    told = (f"{len(replicates.processes[k])} {k[0]} with {k[2]:.0%} injected" for k in kinds)
    return ", ".join(told)


def _suite(given: argparse.Namespace) -> Selection:
    names = tuple(given.only.split(",")) if given.only else SUITE.names
    return replace(SUITE, names=names, threads=given.threads)


def _count(races: Sequence[Race]) -> int:
    return sum(len(race.contenders) for race in races)


def _limits() -> Limits:
    return Limits(300.0, default_memory() // 2)


def _folder(path: Path, environment: Environment) -> RunFolder:
    """The run folder at `path`, made where there is none."""
    if (path / "run.json").exists():
        return open_run(path)
    info = RunInfo(
        id=path.name,
        created=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        command=tuple(sys.argv),
        environment=environment,
    )
    return create(path.parent, info)


_EXPERIMENTS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "coverage": coverage,
    "judge": judge,
    "power": power,
    "record": record_units,
    "sessions": sessions,
}

if __name__ == "__main__":
    main()
