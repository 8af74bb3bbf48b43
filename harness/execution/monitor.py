"""The monitor of a race excludes contenders that recompile, change global state or turn wrong.

It is notified before and after each block, where reading the state takes half a microsecond, and
now and then checks a contender on inputs that it has not seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from opbench.harness.correctness import recheck
from opbench.harness.correctness.reference import Reference, with_unseen_inputs
from opbench.harness.execution import process_state
from opbench.harness.preparation.compiler import compilations
from opbench.harness.preparation.timed_call import TimedCall
from opbench.results.records import Failed, Right, Unsupported, Wrong

#: New inputs are drawn when their oracle takes at most this share of the time since the last.
SHARE = 0.05


class UnseenInputs:
    """Checks contenders again, on inputs that none of them has seen."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._unseen: Reference | None = None
        self._drawn_at = 0.0
        self._draw_s = 0.0

    def recheck(
        self, function: Callable[..., Any], timed: TimedCall
    ) -> Failed | Unsupported | Wrong | None:
        """The outcome of a contender that fails on them; None if it is still right.

        Where the graph of the timed call can take other inputs, they are put into the very memory
        that is timed, so that answers from a cache show.
        """
        verdict = recheck.recheck(self._draw(), function, timed)
        return None if isinstance(verdict, Right) else verdict

    def _draw(self) -> Reference:
        """The reference of the unseen inputs: new ones, unless drawing them takes too long."""
        now = time.perf_counter()
        if self._unseen is None or self._draw_s <= SHARE * (now - self._drawn_at):
            self._unseen = with_unseen_inputs(self.reference)
            self._drawn_at = time.perf_counter()
            self._draw_s = self._drawn_at - now
        return self._unseen


class CaseMonitor:
    """The monitor of the race of one case."""

    def __init__(
        self,
        reference: Reference,
        functions: Mapping[str, Callable[..., Any]],
        timed: Mapping[str, TimedCall],
        *,
        announce: Callable[[str], None],
    ) -> None:
        """functions, timed: of each contender, plain and bound. announce: called with its name."""
        self._unseen = UnseenInputs(reference)
        self._functions = functions
        self._timed = timed
        self._announce = announce
        self._state: process_state.GlobalState | None = None
        self._quick: tuple[object, ...] = ()
        self._compilations = 0

    def begin(self, name: str) -> None:
        """Note the state that must be the same when the contender's block is over."""
        self._announce(name)
        if self._state is None:
            self._state, self._quick = process_state.read(), process_state.quick()
        self._compilations = compilations()

    def fault(self, name: str) -> Failed | Wrong | None:
        """The outcome of a contender that recompiled or changed global state; None if neither."""
        if compilations() != self._compilations:
            return recompiled()
        if self._state is not None and process_state.quick() != self._quick:
            return Wrong("state", f"changed {'; '.join(process_state.restore(self._state))}")
        return None

    def recheck(self, name: str) -> Failed | Unsupported | Wrong | None:
        """The outcome of a contender that fails on unseen inputs; None if it is still right."""
        return self._unseen.recheck(self._functions[name], self._timed[name])


def recompiled() -> Failed:
    """The outcome of a contender that compiled while it was timed."""
    reason = "compiled again while it was timed: its times are of the compiler"
    return Failed("measure", reason, cause="recompiled")
