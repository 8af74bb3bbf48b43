"""Record the units that sessions are resampled from: unchanged, and slowed down on purpose.

The project is compared with itself, so that every slowdown that a session finds is a false alarm,
unless it was injected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from opbench.harness.planning.selection import Selection
from opbench.harness.regression.comparison import ComparisonPlan
from opbench.harness.regression.gate import sample
from opbench.harness.regression.session import SessionObserver
from opbench.results.errors import SelectionError
from opbench.results.records import Method, Unit
from opbench.results.records.run_folder import RunFolder

#: The default selection: 28 contenders and cases, from a few µs to a few ms, of six families, whose
#: code is torch's own or this project's C++.
SUITE = Selection(
    names=(
        "conv2d",
        "topk_gating",
        "patch_pooling",
        "expert_batching",
        "moe_combine",
        "boundary_upsample",
        "batched_logsumexp",
        "batched_softmax",
        "pixel_shuffle",
    ),
    impls=("torch", "cpp"),
    expression="not (large or stem or gpt2 or stage or skewed or softmax_of_all)",
)


def record(
    comparison: ComparisonPlan,
    folder: RunFolder,
    *,
    slowdowns: Iterable[float],
    twins: int,
    pairs: int,
    observer: SessionObserver | None = None,
) -> None:
    """Record units of a comparison as it is, and with each slowdown.

    slowdowns: shares, injected into every contender. twins, pairs: the number of units by each
    method; those that are in the folder already aren't recorded again. Raises SelectionError for a
    device on which nothing can be slowed down by a known share.
    """
    devices = {race.case.device for race in comparison.races} - {"cpu"}
    if devices:
        raise SelectionError(
            f"what runs on {', '.join(sorted(devices))} can't be slowed down by a known share: its "
            "calls return before they are through; calibrate the gate on the cpu"
        )
    slowed = [
        replace(comparison, control=(), injected=_all(comparison, share)) for share in slowdowns
    ]
    alike: dict[Method, ComparisonPlan] = {
        "twins": comparison,
        "pairs": replace(comparison, control=()),
    }
    done = {(u.method, u.number) for u in folder.lines() if isinstance(u, Unit)}
    # In turn, so that a recording that is broken off can be used, and none had a better hour.
    for method, number in _in_turn(twins, pairs):
        if (method, number) not in done:
            sample(
                (alike[method], *slowed), folder, method=method, number=number, observer=observer
            )


def _all(comparison: ComparisonPlan, share: float) -> dict[tuple[str, str], float]:
    """The same share injected into every contender, by key of the case and name."""
    return {(race.case.key, name): share for race in comparison.races for name in race.contenders}


def _in_turn(twins: int, pairs: int) -> Iterator[tuple[Method, int]]:
    """The method and number of each unit, the methods in turn."""
    for number in range(max(twins, pairs)):
        if number < twins:
            yield "twins", number
        if number < pairs:
            yield "pairs", number
