"""Contenders meet the samples of the torch function that their op is."""

import importlib.util
import sys

import pytest
import torch

from opbench import Cost, Op, Samples, load
from opbench.harness.execution.check_case import CaseChecker
from opbench.harness.execution.observer import NullObserver
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.harness.planning.spot_cases import spot_cases
from opbench.results.errors import DeclarationError
from opbench.results.records import Failed, Right, Unsupported, Wrong
from tests.harness.test_catalog import module, tagged

SHUFFLE = "nn.functional.pixel_shuffle"


def op_of(samples, oracle=lambda x, factor: torch.pixel_shuffle(x, factor), **fields):
    return Op(
        name="shuffled",
        oracle=oracle,
        axes={"N": "images"},
        inputs={
            "normal": lambda N, rng: {"x": torch.randn(N, 4, 2, 2, generator=rng), "factor": 2}
        },
        quick={"small": {"N": 2}},
        cost=lambda N, e: Cost(0, 32 * N * e),
        grad=("x",),
        samples=samples,
        **fields,
    )


def verdict_on(function, samples, **fields):
    # Another function each time: the tags of one add up.
    mine = tagged("shuffled", function=lambda *args: function(*args))
    made = module("made", op=op_of(samples, **fields), mine=mine)
    catalog = load(made, entry_points=False)
    (race,) = plan_checks(catalog, Selection(names=("shuffled",), expression="opinfo"))
    collector = Collector()
    CaseChecker(catalog).check_case(race, observer=collector)
    return collector.result


class Collector(NullObserver):
    def done(self, name, result, output=""):
        self.result = result


def bound(input, upscale_factor):
    return {"x": input, "factor": upscale_factor}


def right(x, factor):
    return torch.pixel_shuffle(x, factor)


def no_empty_ones(x, factor):
    return torch.pixel_shuffle(x, factor) if x.numel() else x.new_zeros(0)


def no_gradient_of_three(x, factor):
    return torch.pixel_shuffle(x.detach() if factor == 3 and x.requires_grad else x, factor)


needs_tests = pytest.mark.skipif(
    importlib.util.find_spec("expecttest") is None, reason="torch's tests need expecttest"
)


@needs_tests
def test_what_fails_on_a_sample_alone_is_found():
    samples = Samples(SHUFFLE, bound)
    assert isinstance(verdict_on(right, samples), Right)
    verdict = verdict_on(no_empty_ones, samples)
    assert isinstance(verdict, Wrong)
    assert "on torch's own sample [1, 0, 1, 1]" in verdict.reason
    assert verdict_on(no_gradient_of_three, samples).stage == "gradient"


@needs_tests
def test_samples_that_do_not_fit_are_left_out():
    assert "no sample" in verdict_on(right, Samples(SHUFFLE)).reason
    assert "no sample" in verdict_on(right, Samples(SHUFFLE, lambda input, **_: None)).reason
    assert "no function 'nonsense'" in verdict_on(right, Samples("nonsense")).reason

    def validate(x):
        if not x.numel():
            raise ValueError("no empty ones, please")

    verdict = verdict_on(no_empty_ones, Samples(SHUFFLE, bound), validate=validate)
    assert isinstance(verdict, Right)


@needs_tests
def test_where_torch_raises_contenders_have_to():
    samples = Samples("gather", lambda input, dim, index: {"x": input, "factor": (dim, index)})
    fields = {"oracle": lambda x, factor: torch.gather(x, *factor), "edge": {"small": {"N": 2}}}

    def gathered(x, factor):
        return torch.gather(x, *factor)

    def lax(x, factor):
        dim, index = factor
        size = x.shape[dim] if x.ndim else 1
        return torch.gather(x, dim, index.clamp(-size, max(size - 1, 0)))

    assert isinstance(verdict_on(gathered, samples, **fields), Right)
    strict = Samples(samples.function, samples.bind, errors=True)
    verdict = verdict_on(lax, strict, **fields)
    assert isinstance(verdict, Wrong)
    assert "returns, where torch raises" in verdict.reason
    assert isinstance(verdict_on(gathered, strict, **fields), Right)


def test_without_torchs_tests_there_is_a_reason(monkeypatch):
    tests = "torch.testing._internal.common_methods_invocations"
    monkeypatch.setitem(sys.modules, tests, None)
    verdict = verdict_on(right, Samples(SHUFFLE, bound))
    assert isinstance(verdict, Unsupported)
    assert "can't be imported" in verdict.reason


def test_a_race_and_the_whole_catalogue_do_without(catalog):
    spots = spot_cases(op_of(Samples(SHUFFLE)), device="cpu", seed=0)
    assert not any(case.inputs == "opinfo" for case in spots)
    planned = plan_checks(catalog, Selection(names=("convolution",)))
    assert not any(race.case.inputs == "opinfo" for race in planned)


def test_bad_declarations_are_refused():
    with pytest.raises(DeclarationError, match="samples is 'softmax'"):
        op_of("softmax")


@needs_tests
def test_a_contender_that_raises_has_failed():
    verdict = verdict_on(lambda x, factor: x.nonsense, Samples(SHUFFLE, bound))
    assert isinstance(verdict, Failed)
    assert verdict.reason.startswith("on torch's own sample")
