"""What contenders do at sizes that nobody declared, where the op can't refuse them."""

from dataclasses import replace

import pytest
import torch

import opbench
from opbench import Cost, Op, impl
from opbench.harness.execution.check_case import CaseChecker
from opbench.harness.execution.observer import NullObserver
from opbench.harness.pipeline.check import check
from opbench.harness.planning.borders import REFUSED
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Race, Selection
from opbench.results.records import Failed, Right, Unsupported, Wrong
from tests.harness.test_catalog import module


def largest(**fields):
    """The k largest of each row, which nobody says there have to be."""
    return Op(
        name="largest",
        oracle=lambda x, *, k=5: x.sort(1, descending=True).values[:, :k],
        axes={"N": "rows", "M": "columns", "k": "how many"},
        inputs={"normal": lambda N, M, k, rng: {"x": torch.randn(N, M, generator=rng), "k": k}},
        quick={"small": {"N": 8, "M": 16, "k": 5}},
        edge={"odd": {"N": 3, "M": 11, "k": 4}, "one": {"N": 1, "M": 1, "k": 1}},
        cost=lambda N, M, k, e: Cost(N * M, N * (M + k) * e),
        **fields,
    )


@impl("largest")
def topk(x, *, k=5):
    return x.topk(k).values


@impl("largest")
def few_columns(x, *, k=5):
    return (x if x.shape[1] < 1000 else x[:, :1000]).topk(k).values


def verdicts(op, name):
    """By border shape, the verdict on a contender."""
    catalog = opbench.load(
        module("ops", op=op), module("theirs", a=topk, b=few_columns), entry_points=False
    )
    selection = Selection(names=("largest",), impls=(name,), expression="border")
    found = check(catalog, plan_checks(catalog, selection)).checked
    return {item.case.shape: item.verdict for item in found}


def enough(x, *, k=5):
    if not 0 < k <= x.shape[1]:
        raise ValueError(f"k: {k} of {x.shape[1]}")


@pytest.mark.parametrize("validate", [None, enough])
def test_right_contender_is_never_wrong_there(validate):
    found = verdicts(largest(validate=validate), "topk")
    assert any(isinstance(verdict, Right) for verdict in found.values())
    assert not any(isinstance(verdict, Wrong | Failed) for verdict in found.values())


@pytest.mark.parametrize("validate", [None, enough])
def test_wrong_number_is_wrong_there(validate):
    found = verdicts(largest(validate=validate), "few_columns")
    assert isinstance(found["border_M_1025"], Wrong)


def test_failure_is_one_where_the_op_takes_the_sizes():
    @impl("largest", name="limited")
    def limited(x, *, k=5):
        if x.shape[0] > 100:
            raise RuntimeError("at most 100 rows")
        return x.topk(k).values

    for validate, kind in ((enough, Failed), (None, Unsupported)):
        catalog = opbench.load(
            module("ops", op=largest(validate=validate)),
            module("theirs", f=limited),
            entry_points=False,
        )
        selection = Selection(names=("largest",), expression="border_N_257")
        (item,) = check(catalog, plan_checks(catalog, selection)).checked
        assert isinstance(item.verdict, kind)
        assert item.verdict.reason.startswith(REFUSED) == (kind is Unsupported)


def test_unusual_circumstances_are_made_on_one_number_of_threads(monkeypatch):
    thorough = []

    def noted(reference, function):
        thorough.append(reference.case.threads)
        return 0.0

    monkeypatch.setattr("opbench.harness.correctness.checks.thorough_error", noted)
    catalog = opbench.load(
        module("ops", op=largest()), module("theirs", a=topk), entry_points=False
    )
    for threads in (1, 2):
        thorough.clear()
        selection = Selection(threads=threads, expression="odd and not border")
        cases = [race.case for race in plan_checks(catalog, selection)]
        both = [*cases, *(replace(case, threads=3 - threads) for case in cases)]
        checker = CaseChecker(catalog)
        for case in both:
            checker.check_case(Race(case, ("topk",)), observer=NullObserver())
        assert thorough == [threads]
