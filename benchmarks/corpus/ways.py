"""Ways of checking: each takes entries and returns why it refuses those that it does refuse."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.corpus.catalogue import Entry, catalog_of
from opbench.harness.catalog import Catalog
from opbench.harness.correctness import oracle
from opbench.harness.correctness.evaluation import comparable, differentiate
from opbench.harness.correctness.oracle import Expected
from opbench.harness.correctness.tolerance import Truth
from opbench.harness.declare import Op
from opbench.harness.pipeline.check import check
from opbench.harness.pipeline.run import run
from opbench.harness.planning.cases import plan, plan_checks
from opbench.harness.planning.selection import Selection
from opbench.harness.preparation import inputs
from opbench.harness.preparation.output_modes import as_tuple, op_in_mode
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Case, Failed, RunInfo, Wrong
from opbench.results.records.run_folder import create


@dataclass(frozen=True, slots=True)
class How:
    """What all ways are given."""

    #: Seconds of each race.
    budget_s: float
    #: Of the inputs.
    seed: int = 0


#: By op and name, why a contender is refused.
Verdicts = dict[tuple[str, str], str]


def by_check(entries: list[Entry], how: How) -> Verdicts:
    """`opbench check`, in this process; who was refused once isn't looked at again."""
    found: Verdicts = {}
    for catalog, names, op in _by_op(entries):
        for race in plan_checks(catalog, Selection(names=(op,), impls=names, seed=how.seed)):
            left = race.only([n for n in race.contenders if (op, n) not in found])
            if not left.contenders:
                continue
            report = check(catalog, (left,))
            if report.faults:
                raise RuntimeError(f"{op} is at fault itself: {report.faults[0]}")
            for checked in report.checked:
                if isinstance(checked.verdict, Wrong | Failed):
                    found[op, checked.contender] = f"{race.case.key}: {checked.verdict.reason}"
    return found


def by_run(entries: list[Entry], how: How) -> Verdicts:
    """`opbench run` at its defaults, in this process, with a small budget for each race."""
    from opbench.harness.machine.environment import describe

    found: Verdicts = {}
    policy = Policy(budget_s=how.budget_s, patience=1.0, pilot_s=0.02)
    for catalog, names, op in _by_op(entries):
        with tempfile.TemporaryDirectory() as root:
            folder = create(
                Path(root), RunInfo(id="exam", created="", command=(), environment=describe())
            )
            races = plan(catalog, Selection(names=(op,), impls=names, seed=how.seed))
            for record in run(catalog, races, folder, policy=policy):
                if isinstance(record.outcome, Wrong | Failed):
                    reason = f"{record.case.key}: {record.outcome.reason}"
                    found.setdefault((op, record.contender), reason)
    return found


def by_allclose(entries: list[Entry], how: How) -> Verdicts:
    """torch.allclose on one random input of the first quick shape."""
    return _compared(entries, lambda op: [(_first_case(op, how), torch.allclose)])


def by_kernelbench(entries: list[Entry], how: How) -> Verdicts:
    """Five seeds on the first quick shape, with one tolerance for everything."""

    def close(one: Tensor, other: Tensor) -> bool:
        return torch.allclose(one, other, rtol=1e-2, atol=1e-2)

    seeds = [random.Random(42).randrange(1 << 30) + i for i in range(5)]
    return _compared(
        entries,
        lambda op: [(replace(_first_case(op, how), seed=seed + how.seed), close) for seed in seeds],
    )


def by_samples(entries: list[Entry], how: How) -> Verdicts:
    """torch.testing.assert_close on ordinary values of many shapes, with gradients, as OpInfo."""

    def close(one: Tensor, other: Tensor) -> bool:
        torch.testing.assert_close(one, other, equal_nan=True)
        return True

    return _compared(entries, lambda op: [(case, close) for case in _samples(op, how)])


#: By name, in the order of the table.
WAYS: dict[str, Callable[[list[Entry], How], Verdicts]] = {
    "check": by_check,
    "run": by_run,
    "allclose": by_allclose,
    "kernelbench": by_kernelbench,
    "samples": by_samples,
}
#: Compares an output or gradient with what is due.
Close = Callable[[Tensor, Tensor], bool]


def _by_op(entries: list[Entry]) -> Iterator[tuple[Catalog, tuple[str, ...], str]]:
    """The catalogue of all entries, with the names of those of each op."""
    catalog = catalog_of(entries)
    for op in dict.fromkeys(e.op for e in entries):
        yield catalog, tuple(e.name for e in entries if e.op == op), op


def _first_case(op: Op, how: How) -> Case:
    """The first quick shape in float32, or the op's first dtype, with the first timed kind."""
    shape, axes = next(iter(op.quick.items()))
    mode = "materialise" if "materialise" in op.boards else op.boards[0]
    return Case(
        op=op.name,
        shape=shape,
        axes=tuple(axes.items()),
        inputs=op.timed_kinds[0],
        dtype=op.dtypes[0],
        board=mode,
        threads=1,
        seed=how.seed,
    )


def _samples(op: Op, how: How) -> list[Case]:
    """The first kind on all small shapes, contiguous and not, with gradients."""
    first = replace(_first_case(op, how), inputs=next(iter(op.inputs)))
    shapes = {first.shape: dict(first.axes), **op.edge}
    cases = [replace(first, shape=name, axes=tuple(axes.items())) for name, axes in shapes.items()]
    cases += [replace(case, layout="transposed") for case in cases]
    if op.grad:
        cases = [replace(case, direction="both") for case in cases]
    return cases + [replace(c, dtype="int64", direction="forward") for c in cases[:1] * _whole(op)]


def _whole(op: Op) -> bool:
    """Whether the op takes whole numbers."""
    return "int64" in op.dtypes and op.dtypes[0] != "int64"


def _compared(entries: list[Entry], cases_of: Callable[[Op], list[tuple[Case, Close]]]) -> Verdicts:
    """What differs from the oracle on some case, or fails."""
    found: Verdicts = {}
    for catalog, names, name in _by_op(entries):
        op = catalog.ops[name]
        for case, close in cases_of(op):
            compare = _comparer(op, case, close)
            for contender in names:
                if (name, contender) not in found:
                    reason = compare(catalog.impls[name][contender].function)
                    found |= {(name, contender): f"{case.key}: {reason}"} if reason else {}
    return found


def _comparer(op: Op, case: Case, close: Close) -> Callable[[Callable[..., Any]], str]:
    """A function that says how a contender differs from the oracle on a case; "" if it doesn't."""
    op = op_in_mode(op, case.board)
    given = inputs.build(op, case)
    backward = case.direction == "both"
    truth = oracle.expect(op, given, dtype=case.dtype, seed=case.seed, gradients=backward)

    def compare(function: Callable[..., Any]) -> str:
        bound, leaves = given.map(torch.clone).leaves(op.grad if backward else ())
        outputs = as_tuple(function(*bound.args, **bound.options))
        for one, due in zip(comparable(op, outputs, given), truth.compared, strict=True):
            if not close(one.detach(), due.value.to(one.dtype)):
                return "another value"
        for one, due in _gradients(outputs, leaves, truth):
            if not close(one, due.value.to(one.dtype)):
                return "another gradient"
        return ""

    return lambda function: _caught(compare, function)


def _gradients(
    outputs: tuple[Tensor, ...], leaves: tuple[Tensor, ...], truth: Expected
) -> list[tuple[Tensor, Truth]]:
    """Each gradient, with what is due."""
    if not leaves or not truth.gradients:
        return []
    found = differentiate(outputs, leaves, tuple(g.clone() for g in truth.upstream))
    return list(zip(found, truth.gradients, strict=True))


def _caught(compare: Callable[[Callable[..., Any]], str], function: Callable[..., Any]) -> str:
    """What the comparison says, or what was raised."""
    try:
        return compare(function)
    except (AssertionError, RuntimeError, ValueError, TypeError, LookupError, NameError) as error:
        return f"{type(error).__name__}: {error}".partition("\n")[0]
