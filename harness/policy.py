"""When the race stops timing a contender. Pure functions of the samples taken so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from results.leaderboard import TIE, verdict_of
from results.stats import median, paired_log_ratios, ratio_interval

#: Samples of a contender, by round.
Samples = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a race goes on.

    block_s: length of a timed block. min_rounds: before anything is decided. max_rounds, budget_s:
    when the race ends at the latest. tie: contenders closer than this are equal. precision: how
    narrow a loser's interval must be (half its width over the ratio) before it may leave, unless
    it takes at least `hopeless` times as long. confidence: of the interval that a decision needs.
    settle_s: longest warm-up of a contender.
    """

    block_s: float = 0.0005
    min_rounds: int = 8
    max_rounds: int = 2000
    budget_s: float = 3.0
    tie: float = TIE
    precision: float = 0.03
    hopeless: float = 3.0
    confidence: float = 0.99
    settle_s: float = 0.3

    def looks_at(self, rounds: int) -> bool:
        """Whether to decide after so many rounds: seldom, as looking costs and tempts."""
        look = self.min_rounds
        while look < rounds:
            look = look * 3 // 2
        return look == rounds


def decide(
    samples: Mapping[str, Samples], active: Iterable[str], policy: Policy
) -> Mapping[str, str]:
    """Those of `active` that need no more samples, and why: "slower" or "tied".

    The fastest is decided once nobody else is left.
    """
    active = tuple(active)
    best = min(samples, key=lambda name: median(tuple(samples[name].values())))
    decided = {}
    for name in active:
        if name == best:
            continue
        ratio = ratio_interval(
            paired_log_ratios(samples[name], samples[best]), confidence=policy.confidence
        )
        verdict = verdict_of(ratio, tie=policy.tie)
        told = ratio.relative_width <= policy.precision or ratio.low >= policy.hopeless
        if verdict == "tied" or (verdict == "slower" and told):
            decided[name] = verdict
    if set(active) - set(decided) <= {best}:
        decided[best] = "best"
    return decided
