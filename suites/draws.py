"""What tells independent draws from torch's generator from those that only look like them.

Each test has a chance of less than one in 10^12 to call a right sampler wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

#: -ln of half the chance of a false alarm: 1 in 10^12.
ALARM = 28.3
#: Draws that are expected in each cell of the counts that are compared with chance.
CELL = 20


def unlikely(counts: Tensor, share: Tensor, draws: int) -> int:
    """How many of the counts are further from draws * share than chance explains (Bernstein)."""
    variance = draws * share * (1 - share).clamp(min=0)
    allowed = ALARM / 3 + (ALARM**2 / 9 + 2 * ALARM * variance).sqrt()
    return int(((counts - draws * share).abs() > allowed).sum())


def too_many_equal(events: Tensor, share: Tensor) -> int:
    """At how many distances, 1 and 2, too many or too few neighbours are equal.

    Pairs that have no draw in common are independent; of these there are two sets per distance.
    """
    equal = share.square().sum()[None]
    faults = 0
    for distance in (1, 2):
        same = (events[distance:] == events[:-distance]).long()
        block = torch.arange(len(same), device=same.device) // distance % 2
        for number in (0, 1):
            own = same[block == number]
            faults += bool(unlikely(own.sum()[None].cpu(), equal, len(own)))
    return faults


def too_even(counts: Tensor, share: Tensor, draws: int) -> bool:
    """Whether counts are closer to their expectation than chance allows.

    Neighbouring events are put together until CELL draws are expected of them. The sum of the
    squared deviations, which are taken for half a draw larger than they are, is then distributed as
    chi-squared; the bound of its lower tail is Chernoff's.
    """
    cell = (draws * share.cumsum(0) / CELL).floor().clamp(max=max(draws // CELL - 1, 0)).long()
    sums = torch.zeros(int(cell.max()) + 1, dtype=torch.float64)
    seen, due = sums.index_add(0, cell, counts.double()), sums.index_add(0, cell, draws * share)
    due_there = due > CELL / 2
    freedom = int(due_there.sum()) - 1
    if freedom < 1 or not bool(due_there[due > 0].all()):
        return False
    apart = ((seen - due).abs() + 0.5)[due_there]
    ratio = (apart.square() / due[due_there]).sum() / freedom
    return bool(ratio < 1) and float(freedom / 2 * (ratio.log() + 1 - ratio)) < -ALARM


def faults_of_draws(draw: Callable[[], Tensor], probs: Tensor, n: int) -> Iterator[str]:
    """What is wrong with a sampler that is called repeatedly, a text each.

    It has to draw anew in each call, from torch's global generator and from no other, and mustn't
    draw what is impossible where a uniform number is 0, or the largest below 1.
    """
    share = probs.double() / probs.double().sum()
    with _extremes():
        events = draw()
    if not bool(((events >= 0) & (events < len(probs))).all()):
        yield "where a uniform number is 0 or the largest below 1, a draw is no event"
    elif not bool((probs[events.to(probs.device)] > 0).all()):
        yield "where a uniform number is 0 or the largest below 1, an impossible event is drawn"
    # Draws that are equal by chance alone say nothing.
    if -n * float(share.square().sum().log()) < ALARM:
        return
    before = _state(probs)
    one = draw()
    if torch.equal(before, _state(probs)):
        yield "torch's global generator of random numbers is as it was before a call"
    if torch.equal(one, draw()):
        yield "two calls draw the same events"
    seeded = [_after_seed(draw) for _ in range(2)]
    if not torch.equal(*seeded):
        yield "after torch.manual_seed, two calls draw different events"


def _after_seed(draw: Callable[[], Tensor]) -> Tensor:
    torch.manual_seed(20)
    return draw()


def _state(probs: Tensor) -> Tensor:
    """That of the generator of the device."""
    if probs.device.type == "cpu":
        return torch.get_rng_state()
    return torch.cuda.get_rng_state(probs.device)


def _extremes() -> Any:
    """A mode: in every tensor of uniform numbers, the first is 0 and the last the largest below 1.

    What it derives from is imported late, so that an op is declared without importing torch.
    """
    from torch.overrides import TorchFunctionMode

    class Extremes(TorchFunctionMode):
        """Changes what was drawn."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            if func in (torch.rand, torch.rand_like) and out.is_floating_point() and out.numel():
                out.view(-1)[-1] = 1 - torch.finfo(out.dtype).eps / 2
                out.view(-1)[0] = 0
            return out

    return Extremes()
