"""The filter of recorded cases and contenders, as the verbs that read runs take it.

Unlike a selection it is held to what runs have, not to what is declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opbench.harness.declaration.suggestions import near
from opbench.results.errors import SelectionError

if TYPE_CHECKING:
    from opbench.results.records import Case, Line
    from opbench.results.records.run_folder import RunFolder


#: Where an expression fits a contender, and can't.
_HINT = ": it selects cases here, whose contenders are shown together"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which recorded cases, and contenders on them, are selected; empty fields filter nothing."""

    #: Names of ops.
    names: tuple[str, ...] = ()
    #: As pytest's -k, over the key of the case and the name of the contender.
    expression: str = ""
    #: Names of contenders.
    impls: tuple[str, ...] = ()

    def has_op(self, case: Case) -> bool:
        """Whether the op of a case is selected."""
        return not self.names or case.op in self.names

    def has_case(self, case: Case) -> bool:
        """Whether a case is selected. Raises SelectionError if the expression isn't one."""
        from opbench.harness.planning.expression import matches

        return self.has_op(case) and matches(self.expression, case.key)

    def has_contender(self, case: Case, contender: str) -> bool:
        """Whether a contender is selected, of any op. Raises SelectionError for no expression."""
        from opbench.harness.planning.expression import matches

        named = not self.impls or contender in self.impls
        return named and matches(self.expression, f"{case.key}/{contender}")

    def ensure_recorded(self, *folders: RunFolder, by_contender: bool = True) -> None:
        """Raise SelectionError for a name that no run has, or an expression that fits nothing.

        by_contender: whether the expression may name contenders, rather than cases alone.
        """
        lines = (line for folder in folders for line in folder.lines())
        where = " or ".join(str(folder.path) for folder in folders)
        self.ensure_among(lines, where, by_contender=by_contender)

    def ensure_among(self, lines: Iterable[Line], where: str, *, by_contender: bool = True) -> None:
        """As `ensure_recorded`, of lines of runs. where: what they are lines of, for people."""
        jobs = set(_jobs(lines))
        _ensure_known(self.names, {case.op for case, _ in jobs}, f"op in {where}")
        named = {job for job in jobs if self.has_op(job[0])}
        _ensure_known(self.impls, {name for _, name in named}, f"contender in {where}")
        fits = self.has_contender if by_contender else lambda case, _: self.has_case(case)
        if not self.expression or any(fits(case, name) for case, name in named):
            return
        hint = _HINT if any(self.has_contender(case, name) for case, name in named) else ""
        raise SelectionError(f"nothing in {where} matches -k {self.expression!r}{hint}")


def _jobs(lines: Iterable[Line]) -> Iterator[tuple[Case, str]]:
    """The cases of lines and their contenders, without anchors."""
    from opbench.results.records import Calibration, Ceilings, Explanation, Gate
    from opbench.results.records.anchors import ANCHORS

    for line in lines:
        if isinstance(line, Ceilings | Gate | Calibration) or line.case.op in ANCHORS:
            continue
        if isinstance(line, Explanation):
            yield from ((line.case, one.contender) for one in (line.slower, line.faster))
        else:
            yield line.case, line.contender


def _ensure_known(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise SelectionError for a name that isn't known, with the nearest that is."""
    for name in names:
        if name not in known:
            raise SelectionError(
                f"there is no {what} named {name!r}{near(name, known)}; known: "
                f"{', '.join(sorted(known)) or 'none'}"
            )
