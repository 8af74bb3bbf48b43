"""What the monitor of a race sees: wrong results on unseen inputs, compiling, changed state."""

import pytest
import torch

import opbench
from opbench.harness.execution import ready
from opbench.harness.execution.monitor import CaseMonitor
from opbench.harness.planning.selection import Selection
from opbench.harness.preparation.compiler import compilations
from opbench.results.records import Failed, Wrong
from tests.places import LOADED


@pytest.fixture(scope="module")
def sums():
    return opbench.load(LOADED / "row_sum.py", entry_points=False)


def watched(catalog, function, *, direction="forward", op="row_sum", expression="small"):
    """A monitor of a race of one contender, and the inputs that are timed."""
    selection = Selection(names=(op,), expression=expression, directions=(direction,))
    race = opbench.plan(catalog, selection)[0]
    reference = ready.reference_of(catalog, race.case)
    timed = ready.bound_call(reference, function)
    announced = []
    monitor = CaseMonitor(reference, {"it": function}, {"it": timed}, announce=announced.append)
    return monitor, reference, timed.call, announced


def honest(x, *, scale=1.0):
    return x.sum(1) * scale


class Remembers:
    """Right until it has seen the same memory often enough."""

    def __init__(self, patience):
        self._patience = patience
        self._seen = {}

    def __call__(self, x, *, scale=1.0):
        calls, answer = self._seen.get(x.data_ptr(), (0, None))
        answer = honest(x, scale=scale) if calls < self._patience else answer
        self._seen[x.data_ptr()] = (calls + 1, answer)
        return answer


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_right_contender_passes_rechecks_and_keeps_its_inputs(sums, direction):
    monitor, reference, call, _ = watched(sums, honest, direction=direction)
    before = [tensor.clone() for tensor in reference.first.tensors()]
    for _ in range(5):
        assert monitor.recheck("it") is None
        call()
    assert all(map(torch.equal, before, reference.first.tensors()))


def test_caching_is_found_in_the_timed_memory(sums):
    monitor, _, call, _ = watched(sums, Remembers(patience=3))
    assert monitor.recheck("it") is None
    for _ in range(4):
        call()
    verdict = monitor.recheck("it")
    assert isinstance(verdict, Wrong)
    assert "elements are off" in verdict.reason


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_gradient_that_turns_wrong_is_found(sums, direction):
    state = {"wrong": False}

    class Sum(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.columns = x.shape[1]
            return x.sum(1)

        @staticmethod
        def backward(ctx, grad):
            right = grad[:, None].expand(-1, ctx.columns).contiguous()
            return right * 2 if state["wrong"] else right

    monitor, *_ = watched(sums, lambda x, *, scale=1.0: Sum.apply(x) * scale, direction=direction)
    assert monitor.recheck("it") is None
    state["wrong"] = True
    verdict = monitor.recheck("it")
    assert isinstance(verdict, Wrong)
    assert verdict.stage == "gradient"


def test_contender_that_raises_on_unseen_inputs_has_failed(sums):
    def picky(x, *, scale=1.0):
        if x[0, 0] != first:
            raise RuntimeError("never seen that")
        return honest(x, scale=scale)

    monitor, reference, *_ = watched(sums, honest)
    first = reference.first.tensors()[0][0, 0].clone()
    monitor, *_ = watched(sums, picky)
    verdict = monitor.recheck("it")
    assert isinstance(verdict, Failed)
    assert "never seen that" in verdict.reason


def test_inputs_of_other_shapes_are_given_to_the_function(catalog):
    """The ids of patches repeat as often as the patches are long: some shapes can't be refilled."""
    contender = catalog.impl("boundary_upsample", "gather").function
    monitor, *_ = watched(catalog, contender, op="boundary_upsample", expression="tiny")
    assert [monitor.recheck("it") for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_outputs_may_have_shapes_that_depend_on_values(catalog, direction):
    """Other boundaries make another number of groups, to which the timed gradient doesn't fit."""
    contender = catalog.impl("boundary_downsample", "index_add").function
    monitor, *_ = watched(
        catalog, contender, op="boundary_downsample", expression="tiny", direction=direction
    )
    for _ in range(3):
        assert monitor.recheck("it") is None


def test_compiling_in_a_timed_block_is_a_failure(sums):
    monitor, _, call, announced = watched(sums, honest)
    monitor.begin("it")
    call()
    assert monitor.fault("it") is None
    before = compilations()
    monitor.begin("it")
    torch.compile(lambda x: x + 1, backend="eager")(torch.ones(3))
    assert compilations() > before
    fault = monitor.fault("it")
    assert isinstance(fault, Failed)
    assert fault.cause == "recompiled"
    assert announced == ["it", "it"]
    # What was compiled between blocks is nobody's fault.
    torch.compile(lambda x: x + 2, backend="eager")(torch.ones(3))
    monitor.begin("it")
    assert monitor.fault("it") is None


def test_changed_state_is_restored_and_named(sums):
    monitor, *_ = watched(sums, honest)
    monitor.begin("it")
    torch.set_default_dtype(torch.float64)
    fault = monitor.fault("it")
    assert isinstance(fault, Wrong)
    assert "the default dtype (torch.float32 -> torch.float64)" in fault.reason
    assert torch.get_default_dtype() is torch.float32
    monitor.begin("it")
    assert monitor.fault("it") is None
