"""When the race stops timing a contender. Pure functions of the samples taken so far.

Verdicts come from the ranking of results, so that a race ends by the same rules by which it is
read. Looking at it while it runs has its price, which these rules account for: see the looks of
`results.ranking.verdicts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opbench.results.ranking.verdicts import RaceVerdict, Samples, standings
from opbench.results.records import Rules
from opbench.results.statistics.intervals import median_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How contenders are timed, and for how long.

        Policy(rules=Rules(precision=0.02), budget_s=1.0)

    Every field has a default that serves for most races.
    """

    #: The decision rules: tie tolerance, error rate and the precision at which timing ends.
    rules: Rules = field(default_factory=Rules)
    #: Seconds after which the race of a case ends, decided or not.
    budget_s: float = 3.0
    #: Multiple of `budget_s` that a race may take to reach the first look at which anything can be
    #: decided.
    patience: float = 4.0
    #: Seconds that the timed calls of a block take. The shorter, the fewer blocks are hit by
    #: whatever else the machine does, and the more of a block is the cost of reading the clock.
    block_s: float = 0.0002
    #: The most samples that are kept of a contender.
    max_rounds: int = 20_000
    #: A contender that surely takes this many times as long as the best leaves the race, however
    #: imprecise its ratio is: to time it further would be futile.
    futile_ratio: float = 3.0
    #: The most seconds of the pilot, which finds the steady time of a call.
    pilot_s: float = 0.3
    #: The fraction of the race's time that may go into checking results again while it is on; 0:
    #: only at its end.
    recheck: float = 0.05
    #: Part of the seed of the order in which contenders take turns.
    order: int = 0
    #: The most warm-up calls of a block. After a single one, threads that slept and memory that was
    #: given back still show; two versions of one contender do the same things and need no more.
    warmup_calls: int = 3
    #: Whether the peak memory of a call is taken after the race, for which a profiler watches it.
    takes_peak: bool = True


def decided(samples: Mapping[str, Samples], policy: Policy) -> Mapping[str, RaceVerdict]:
    """The contenders that need no more samples, with their verdicts.

    Evaluated anew at each look: a contender that tied with a leader which was overtaken comes back
    into the race. The best is decided once all others are; a contender that races alone, once its
    own time is precise.
    """
    if len(samples) == 1:
        ((name, alone),) = samples.items()
        width = median_interval(tuple(alone.values())).relative_width
        return {name: "best"} if width <= policy.rules.precision else {}
    ranked = standings(samples, policy.rules)
    done = {
        name: standing.verdict
        for name, standing in ranked.items()
        if standing.is_settled(policy.rules, futile_ratio=policy.futile_ratio)
    }
    if len(done) < len(ranked):
        done = {name: verdict for name, verdict in done.items() if verdict != "best"}
    return done
