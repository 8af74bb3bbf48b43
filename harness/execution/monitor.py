"""Watches a race: whoever compiles, changes torch's state or answers wrongly is put out of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from opbench.harness.correctness import recheck, reference
from opbench.harness.correctness.recheck import Timed
from opbench.harness.execution import process_state
from opbench.harness.preparation.compiler import compilations
from opbench.results.records import Failed, Right, Unsupported, Wrong

#: New inputs are drawn when their truth takes at most this share of the time since the last ones.
SHARE = 0.05


class Rechecks:
    """Checks results again, on inputs that nobody has seen."""

    def __init__(self, exam: reference.Exam) -> None:
        self.exam = exam
        self._unseen: reference.Exam | None = None
        self._drawn_at = 0.0
        self._draw_s = 0.0

    def fault(
        self, function: Callable[..., Any], call: Callable[[], object]
    ) -> Failed | Unsupported | Wrong | None:
        """What is wrong with a contender's results: of its function, or of the call that is timed.

        Where the graph of the timed call can take other inputs they are put into the very memory
        that is timed, so that who answers from memory is found out.
        """
        unseen = self._draw()
        timed = Timed(call, self.exam.first, self.exam.expected_first.upstream)
        verdict = recheck.recheck(unseen, function, timed)
        return None if isinstance(verdict, Right) else verdict

    def _draw(self) -> reference.Exam:
        now = time.perf_counter()
        if self._unseen is None or self._draw_s <= SHARE * (now - self._drawn_at):
            self._unseen = reference.unseen(self.exam)
            self._drawn_at = time.perf_counter()
            self._draw_s = self._drawn_at - now
        return self._unseen


class CaseReferee:
    """The referee of the race of one case."""

    def __init__(
        self,
        exam: reference.Exam,
        functions: Mapping[str, Callable[..., Any]],
        calls: Mapping[str, Callable[[], object]],
        *,
        announce: Callable[[str], None],
    ) -> None:
        """functions, calls: of each contender, plain and bound; announce: told whose turn it is."""
        self._rechecks = Rechecks(exam)
        self._functions = functions
        self._calls = calls
        self._announce = announce
        self._state: process_state.State | None = None
        self._quick: tuple[object, ...] = ()
        self._compilations = 0

    def begin(self, name: str) -> None:
        """Note what may not have changed when the contender's block is over."""
        self._announce(name)
        if self._state is None:
            self._state, self._quick = process_state.read(), process_state.quick()
        self._compilations = compilations()

    def fault(self, name: str) -> Failed | Wrong | None:
        """Whether it compiled while it was timed, or changed torch's state."""
        if compilations() != self._compilations:
            reason = "compiled again while it was timed: its times are of the compiler"
            return Failed("measure", reason, cause="recompiled")
        if self._state is not None and process_state.quick() != self._quick:
            return Wrong("state", f"changed {'; '.join(process_state.restore(self._state))}")
        return None

    def recheck(self, name: str) -> Failed | Unsupported | Wrong | None:
        """What is wrong with its result on inputs that it has not seen."""
        return self._rechecks.fault(self._functions[name], self._calls[name])
