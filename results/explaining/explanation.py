"""An explanation of two contenders from their race and the evidence of either."""

from __future__ import annotations

from dataclasses import replace

from opbench.results.explaining.pieces import Contenders
from opbench.results.explaining.ranking import causes_of
from opbench.results.ranking.verdicts import verdict_of
from opbench.results.records import Case, Difference, Evidence, Explanation
from opbench.results.statistics.interval import Interval


def explain(
    case: Case, slower: Evidence, faster: Evidence, ratio: Interval, *, tie: float, seconds: float
) -> Explanation:
    """Why one contender is slower, or that no difference is to be explained.

    ratio: of their times in the race, slower over faster. tie: times closer than this are equal.
    seconds: what the evidence took to gather.
    """
    difference = difference_of(ratio, tie=tie)
    # The race's own medians belong to other rounds than its ratio.
    slower = replace(slower, time_s=faster.time_s * ratio.value)
    causes, unexplained = (
        causes_of(Contenders(slower=slower, faster=faster)) if difference == "slower" else ((), 0.0)
    )
    return Explanation(
        case=case,
        difference=difference,
        slower=slower,
        faster=faster,
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        causes=causes,
        unexplained=unexplained,
        seconds=seconds,
    )


def difference_of(ratio: Interval, *, tie: float) -> Difference:
    """Whether there is a difference, and whether that is known.

    By the rules of the race: the whole interval has to lie on one side of the tie.
    """
    match verdict_of(ratio, tie=tie):
        case "slower":
            return "slower"
        case "tied":
            return "none"
        case _:
            return "undecided"
