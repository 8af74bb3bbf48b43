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

from benchmarks.gate_rules import RULES_OF_OTHERS, rates, twin_times
from opbench.harness.execution.process import Limits, default_memory
from opbench.harness.planning.selection import Race, Selection
from opbench.harness.regression import gate
from opbench.harness.regression.calibration import SUITE, record
from opbench.harness.regression.session import SessionObserver
from opbench.harness.regression.setup import set_up_against_itself
from opbench.results.records import Environment, GateRules, RunInfo, Unit
from opbench.results.records.run_folder import RunFolder, create, open_run
from opbench.results.regression import resampling, verdicts
from opbench.results.statistics.intervals import median

RULES = GateRules()
#: What is injected, and what a gate should find.
SLOWDOWN = 0.03
NULL_SESSIONS, SLOWED_SESSIONS = 80, 60


def main() -> None:
    """Run the experiment that is named and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", choices=sorted(_EXPERIMENTS))
    parser.add_argument("folder", nargs="?", type=Path, help="where it is kept")
    parser.add_argument("--threads", type=int, default=0, help="default: every core")
    parser.add_argument("--only", default="", metavar="OPS", help="a part of the suite, to try it")
    parser.add_argument("--twins", type=int, default=40, help="processes to record")
    parser.add_argument("--pairs", type=int, default=8, help="pairs of processes to record")
    parser.add_argument("--sessions", type=int, help="how many, where there are sessions")
    parser.add_argument("--budget", default="600", metavar="S", help="of a real session")
    args = parser.parse_args()
    if args.experiment != "coverage" and args.folder is None:
        parser.error(f"{args.experiment} needs a FOLDER")
    _EXPERIMENTS[args.experiment](args)


def coverage(args: argparse.Namespace) -> None:
    """How often the gate's interval ends below a ratio that it should hold, over what it may."""
    sessions = args.sessions or 20_000
    rng = np.random.default_rng(0)
    print(f"upper ends below the true ratio, over the requested error; {sessions} intervals each")
    print(f"  {'units':24} {'error':>7} " + " ".join(f"{n:>5}" for n in _UNITS) + "  units")
    for name, draw in _NOISES.items():
        for error in (0.01, 0.005, 0.0025):
            misses = []
            for units in _UNITS:
                drawn = (
                    verdicts.interval(draw(rng, units).tolist(), error=error)
                    for _ in range(sessions)
                )
                misses.append(sum(interval.high < 1 for interval in drawn) / sessions / error)
            print(f"  {name:24} {error:7.2%} " + " ".join(f"{share:5.2f}" for share in misses))


_UNITS = (4, 6, 9, 13, 18)
Noise = Callable[[np.random.Generator, int], "np.ndarray[tuple[int], np.dtype[np.float64]]"]
_NOISES: Mapping[str, Noise] = {
    "normal, 0.5%": lambda rng, n: rng.normal(0, 0.005, n),
    "t with 2 degrees": lambda rng, n: 0.005 * rng.standard_t(2, n),
    "one in 20 off by 20%": lambda rng, n: np.where(
        rng.random(n) < 0.05, rng.normal(0, 0.2, n), rng.normal(0, 0.005, n)
    ),
}


def record_units(args: argparse.Namespace) -> None:
    """Units of the suite in fresh processes, each time as it is and with everything slowed down."""
    comparison, environment = set_up_against_itself(_suite(args), (), _limits())
    folder = _folder(args.folder, environment)
    print(f"{_count(comparison.races)} contenders and cases into {folder.path}", flush=True)
    record(
        comparison,
        folder,
        slowdowns=(SLOWDOWN,),
        twins=args.twins,
        pairs=args.pairs,
        observer=ProgressPrinter(),
    )


def judge(args: argparse.Namespace) -> None:
    """What the gate, and others' rules, say of units that were recorded."""
    units = [line for line in open_run(args.folder).lines() if isinstance(line, Unit)]
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
    sessions = args.sessions or NULL_SESSIONS
    slowed = args.sessions or SLOWED_SESSIONS
    print(f"{'resampled, a suite each':44} {'false alarms':>25}   {SLOWDOWN:.0%} in one op found")
    null = resampling.simulate_unchanged(replicates, RULES, sessions=sessions)
    slowed_counts = resampling.simulate_slowed(replicates, RULES, SLOWDOWN, sessions=slowed)
    _row("opbench gate", null["failed"], sessions, slowed_counts["found"], slowed)
    blocks = twin_times(units)
    for name, rule in RULES_OF_OTHERS.items():
        alarms, alarms_slowed = rates(
            blocks, rule, slowdown=SLOWDOWN, sessions=sessions, slowed=slowed
        )
        _row(name, alarms, sessions, alarms_slowed, slowed)
    print(f"\nopbench gate, unchanged: {_counted(null)}; slowed: {_counted(slowed_counts)}")


def sessions(args: argparse.Namespace) -> None:
    """Real sessions: two commits of the same code in two worktrees, through the command."""
    suite = _suite(args)
    arguments = [*suite.names, "--impl", ",".join(suite.impls), "-k", suite.expression]
    arguments += ["--threads", str(args.threads)] if args.threads else []
    arguments += ["--base", "HEAD", "--head", _same_code(), "--budget", args.budget]
    arguments += ["--out", str(args.folder / "runs")]

    def session(number: int) -> dict[str, object]:
        start = time.monotonic()
        command = [sys.executable, "-m", "opbench", "gate", *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - start
        if not done.stdout:
            return {"code": done.returncode, "seconds": seconds, "said": done.stderr[-300:]}
        document = json.loads(done.stdout)
        counts = Counter(finding["verdict"] for finding in document["findings"])
        return {"code": done.returncode, "seconds": seconds, "said": _counted(counts)}

    done = _sessions_done(args, session, number=args.sessions or 20)
    codes = Counter(str(line["code"]) for line in done)
    seconds = sorted(float(str(line["seconds"])) for line in done)
    print(
        f"{len(done)} real sessions; exit codes: {_counted(codes)}; seconds: median "
        f"{median(seconds):.0f}, {seconds[0]:.0f} to {seconds[-1]:.0f}"
    )


def _same_code() -> str:
    """A commit that has a note more than HEAD: of equal trees the gate would measure nothing."""
    note = _git("hash-object", "-w", "--stdin", text="nothing of this is code\n")
    tree = _git("ls-tree", "HEAD") + f"\n100644 blob {note}\tthe-same-code.txt\n"
    author = ("-c", "user.name=opbench", "-c", "user.email=opbench@localhost")
    return _git(*author, "commit-tree", "-m", "the same code", _git("mktree", text=tree))


def _git(*arguments: str, text: str = "") -> str:
    done = subprocess.run(
        ("git", *arguments), input=text, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def power(args: argparse.Namespace) -> None:
    """Real sessions with one contender's head slowed down, of a few contenders at a time."""
    comparison, environment = set_up_against_itself(_suite(args), (), _limits())
    folder = args.folder
    subjects = [(race, name) for race in comparison.races for name in race.contenders]

    def session(number: int) -> dict[str, object]:
        race, name = subjects[number % len(subjects)]
        # Some others beside it, all that a session needs to distinguish it from.
        rest = random.Random(number).sample(comparison.races, min(4, len(comparison.races)))
        races = (race, *(other for other in rest if other != race))
        slowed = replace(comparison, races=races, injected={(race.case.key, name): SLOWDOWN})
        start = time.monotonic()
        run = _folder(folder / "runs" / f"{number}-{time.time_ns()}", environment)
        gate.gate(slowed, run, method="twins", rules=RULES, budget_s=float(args.budget))
        seconds = time.monotonic() - start
        units = [line for line in run.lines() if isinstance(line, Unit)]
        findings = {(f.case.key, f.contender): f for f in verdicts.findings(units, RULES)}
        finding = findings.pop((race.case.key, name))
        void = verdicts.is_void(verdicts.control_findings(units, RULES))
        outcome = "void" if void else "found" if finding.verdict == "slower" else finding.verdict
        others = [other for (_, other), f in findings.items() if f.verdict == "slower"]
        said = f"{race.case.op} {race.case.label} {name}: {finding.ratio.value - 1:+.1%}; "
        said += f"others failed: {', '.join(others) or 'none'}"
        return {"code": outcome, "seconds": seconds, "said": said}

    done = _sessions_done(args, session, number=args.sessions or SLOWED_SESSIONS)
    print(f"{len(done)} real sessions: {_counted(Counter(str(p['code']) for p in done))}")


class ProgressPrinter(SessionObserver):
    """Prints how far a recording is."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def begin_unit(self, role: str, number: int, left: int) -> None:
        """Print a line for each process."""
        method = "pair" if role == "verify" else "process"
        passed = time.monotonic() - self._start
        print(f"{passed:7.0f} s  {method} {number + 1}: {left} contenders and cases", flush=True)


def _sessions_done(
    args: argparse.Namespace, session: Callable[[int], dict[str, object]], *, number: int
) -> list[dict[str, object]]:
    """The lines of so many sessions: those that are kept already, and those done now."""
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / f"{args.experiment}.jsonl"
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


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts))


def _recorded(replicates: resampling.Replicates) -> str:
    kinds = sorted((k for k in replicates.processes if k[1] != "null"), reverse=True)
    processes = (f"{len(replicates.processes[k])} {k[0]} with {k[2]:.0%} injected" for k in kinds)
    return ", ".join(processes)


def _suite(args: argparse.Namespace) -> Selection:
    names = tuple(args.only.split(",")) if args.only else SUITE.names
    return replace(SUITE, names=names, threads=args.threads)


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
