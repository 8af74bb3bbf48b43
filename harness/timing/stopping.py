"""When the race stops timing a contender. Pure functions of the samples taken so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opbench.results.ranking.verdicts import Samples, standings
from opbench.results.records import Rules
from opbench.results.statistics.intervals import median_interval

#: The untimed calls that begin a block are as many as the policy says, and as fit into so long.
_LEAD_S = 0.01


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a race goes on.

    rules: by what contenders are told apart, and how surely. budget_s: when the race ends at the
    latest, and patience: how many times that it may take to reach the first look at which anything
    can be decided. block_s: length of a timed block; the shorter, the fewer of them are hit by
    whatever else the machine does, and the more the clock costs. max_rounds: bound on the samples
    that are kept. hopeless: who surely takes so many times as long leaves however imprecise its
    ratio is.
    settle_s: longest warm-up of a contender. recheck: share of the time that may go into checking
    results again while the race is on; 0 to do it only at the end. order: another number draws
    another order of blocks. lead: untimed calls before a block. After one alone, threads that slept
    and memory that was given back still show; twins do the same things and need no more.
    """

    rules: Rules = field(default_factory=Rules)
    budget_s: float = 3.0
    patience: float = 4.0
    block_s: float = 0.0002
    max_rounds: int = 20_000
    hopeless: float = 3.0
    settle_s: float = 0.3
    recheck: float = 0.05
    order: int = 0
    lead: int = 3


def lead_of(settled_s: float, policy: Policy) -> int:
    """The untimed calls that begin a block of calls that take so many seconds each."""
    return min(policy.lead, int(_LEAD_S / settled_s))


def settled(samples: Mapping[str, Samples], policy: Policy) -> Mapping[str, str]:
    """The contenders that need no more samples, with their verdict.

    It is asked anew at each look: who tied with a leader that was overtaken comes back into the
    race. The best is settled once everybody is; who races alone, once its own time is precise.
    """
    if len(samples) == 1:
        ((name, alone),) = samples.items()
        width = median_interval(tuple(alone.values())).relative_width
        return {name: "best"} if width <= policy.rules.precision else {}
    found = standings(samples, policy.rules)
    done = {
        name: standing.verdict
        for name, standing in found.items()
        if standing.settled(policy.rules, hopeless=policy.hopeless)
    }
    if len(done) < len(found):
        done = {name: verdict for name, verdict in done.items() if verdict != "best"}
    return done
