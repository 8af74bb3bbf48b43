"""The check stage: every contender on every case, with admitted weaknesses verified both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness import examine
from harness.catalog import Catalog
from harness.declare import Impl
from harness.guard import attempt
from harness.pipeline import Reporter, Silent
from harness.planning import Race
from harness.prepare import ensure_supported, resolve
from harness.runner import settings
from results.record import Case, Failed, Right, Unsupported, Verdict, Wrong


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict on one contender on one case.

    admitted: the caveat that excuses it, where it was wrong as it said it would be.
    """

    contender: str
    case: Case
    verdict: Verdict
    admitted: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """The largest difference of two right contenders on one case, in units of the tolerance."""

    one: str
    other: str
    case: Case
    units: float


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All verdicts of a check, and how far right contenders are from each other."""

    checked: tuple[Checked, ...]
    pairs: tuple[Pair, ...]


def check(
    catalog: Catalog, races: Iterable[Race], *, reporter: Reporter | None = None
) -> CheckReport:
    """Examine every contender of every race against the oracle, and right ones pairwise.

    A contender that admits a weakness which shows on none of its cases is Wrong, at the stage
    "caveat", on the first of them.
    """
    resolved: dict[tuple[str, str], Callable[..., Any] | Unsupported | Failed] = {}
    checked: list[Checked] = []
    pairs: list[Pair] = []
    with _compiling_for_every_case():
        for race in races:
            (reporter or Silent()).case(race)
            found, apart = _check_case(catalog, race, resolved, reporter or Silent())
            checked += found
            pairs += apart
    return CheckReport(tuple(_verify_caveats(catalog, checked)), tuple(pairs))


@contextmanager
def _compiling_for_every_case() -> Iterator[None]:
    """After a few shapes torch.compile would give up and quietly run, and let pass, eager code."""
    import torch._dynamo

    with torch._dynamo.config.patch(recompile_limit=256, fail_on_recompile_limit_hit=True):
        yield


def _check_case(
    catalog: Catalog,
    race: Race,
    resolved: dict[tuple[str, str], Callable[..., Any] | Unsupported | Failed],
    reporter: Reporter,
) -> tuple[list[Checked], list[Pair]]:
    case, op = race.case, catalog.op(race.case.op)
    with settings(case, reset_compiler=False):
        exam = attempt("inputs", partial(examine.set_exam, op, case))
        if not isinstance(exam, examine.Exam):
            return [Checked(name, case, exam) for name in race.contenders], []
        found, right = [], {}
        for name in race.contenders:
            reporter.contender(name, "check")
            contender = catalog.impl(op.name, name)
            function = _function(exam, contender, resolved)
            verdict = function if not callable(function) else examine.examine(exam, function)
            if isinstance(verdict, Right) and callable(function):
                right[name] = function
            found.append(_excuse(Checked(name, case, verdict), contender))
        apart = examine.disagreement(exam, right)
    return found, [Pair(one, other, case, units) for (one, other), units in apart.items()]


def _function(
    exam: examine.Exam,
    contender: Impl,
    resolved: dict[tuple[str, str], Callable[..., Any] | Unsupported | Failed],
) -> Callable[..., Any] | Unsupported | Failed:
    """The contender's function, resolved once for all cases, or why it doesn't run on this one."""
    supported = partial(
        ensure_supported, exam.op, contender, exam.first.values, direction=exam.case.direction
    )
    refusal = attempt("prepare", supported)
    if refusal is not None:
        return refusal
    key = (contender.op, contender.name)
    if key not in resolved:
        resolved[key] = attempt("prepare", partial(resolve, contender))
    return resolved[key]


def _excuse(checked: Checked, contender: Impl) -> Checked:
    admitted = examine.admitted(checked.verdict, contender.caveats, checked.case)
    return Checked(checked.contender, checked.case, checked.verdict, admitted)


def _verify_caveats(catalog: Catalog, checked: list[Checked]) -> list[Checked]:
    """The same verdicts, with an error for each admitted weakness that was tried and not seen."""
    found = list(checked)
    for op_name, contenders in catalog.impls.items():
        for contender in contenders.values():
            for kind, text in contender.caveats.items():
                tried = [
                    index
                    for index, item in enumerate(found)
                    if item.contender == contender.name
                    and item.case.op == op_name
                    and kind in (item.case.inputs, item.case.layout)
                    and isinstance(item.verdict, Right | Wrong)
                ]
                if tried and not any(found[index].admitted for index in tried):
                    first = found[tried[0]]
                    reason = f"admits {kind!r} ({text}), but was right on it: drop the caveat"
                    found[tried[0]] = Checked(first.contender, first.case, Wrong("caveat", reason))
    return found
