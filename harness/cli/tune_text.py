"""What `opbench tune` says: a line for each shape, and how it ended. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from opbench.results.report.counts import counted
from opbench.results.report.table import format_ratio

if TYPE_CHECKING:
    from opbench.harness.pipeline.tune import Round, Tuned
    from opbench.harness.pipeline.tuning_state import View

#: More names than these aren't listed.
_MOST_NAMES = 4
#: What became of the regret, by why a tune ended.
_STOPPED = {
    "reached": "is reached",
    "shapes": "isn't reached: more shapes with --resume, --max-shapes",
    "time": "isn't reached: more time with --resume, --max-time",
    "raced": "isn't reached, and there is no other shape",
}


def line(done: Round) -> str:
    """A shape that was raced, why, and the regret that is reached."""
    parts = [f"{done.number}. {done.step.shape}: {_why(done)}"]
    if done.view is not None and (text := reached(done.view)):
        parts.append(text)
    return "; ".join([*parts, f"{done.elapsed_s:.0f} s"])


def _why(done: Round) -> str:
    """Why a shape was raced."""
    if done.step.why == "start":
        return "to span the range"
    if done.step.why == "interrupted":
        return "its race was broken off"
    if done.step.why == "missing":
        best, *added = done.raced
        return f"{_listed(added)} beside {best}"
    if done.step.why == "again":
        return f"{_listed([*done.raced])}: one that was left out may be the best there"
    found = done.step.proposal
    assert found is not None
    distance = f"{found.apart:.1f}x from" if found.apart >= 1.05 else "close to"
    apart = f"{distance} {done.step.near}"
    if found.reason == "hole":
        return f"a hole, {apart}"
    return (
        f"near a crossing ({found.rival} {format_ratio(found.ratio)} {found.favourite}?), {apart}"
    )


def reached(view: View) -> str:
    """What choosing costs in a situation, as far as it is known; "" while it isn't."""
    parts = []
    if view.choice is not None:
        mean = view.choice.regrets["chosen"].mean
        parts.append(f"{mean.value:.3f}x [{mean.low:.3f}, {mean.high:.3f}] held out")
    if view.uncertainty is not None:
        parts.append(f"{view.uncertainty.mean:.3f}x expected between")
    return f"regret {', '.join(parts)}" if parts else ""


def endings(tuned: Tuned, rounds: Iterable[Round], until: float) -> Iterator[str]:
    """How a tune ended, and which contenders were left out of shapes, in sentences."""
    if tuned.futile:
        names = ", ".join(f"{n} ({format_ratio(low)})" for n, low in tuned.futile.items())
        yield (
            "at least so many times as slow as the best wherever it was raced, and left out of "
            f"other shapes but every fifth (--all-contenders): {names}"
        )
    done = tuple(rounds)
    shapes = counted(len({item.step.shape for item in done}), "shape")
    spent = f"{shapes} raced in {done[-1].elapsed_s:.0f} s" if done else "nothing to race"
    yield f"{spent}; a regret of {until:g} {_STOPPED[tuned.stopped]}"


def document(tuned: Tuned, rounds: Iterable[Round]) -> dict[str, Any]:
    """How a tune went, as JSON."""
    return {
        "stopped": tuned.stopped,
        "futile": tuned.futile,
        "refused": tuned.refused,
        "rounds": [_round(done) for done in rounds],
    }


def _round(done: Round) -> dict[str, Any]:
    """A shape that was raced, as JSON."""
    view = done.view
    mean = view.choice.regrets["chosen"].mean if view and view.choice else None
    between = view.uncertainty.mean if view and view.uncertainty else None
    return {
        "shape": done.step.shape,
        "why": done.step.why,
        "contenders": list(done.raced),
        "elapsed_s": done.elapsed_s,
        "regret_low_high": None if mean is None else [mean.value, mean.low, mean.high],
        "expected_between": between,
    }


def _listed(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
