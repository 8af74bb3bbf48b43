"""The check catches what is right in a single usual pass only, and lets unusual right ones pass."""

import random

import pytest
import torch
from torch.autograd import Function

from opbench.harness.correctness import checks
from opbench.harness.correctness.reference import build_reference
from opbench.harness.planning.cases import plan_checks
from opbench.harness.planning.selection import Selection
from opbench.results.records import Failed, Right, Wrong


def reference_of(catalog, op, *, inputs=""):
    """The reference of the op's first edge shape, in float32 on one thread."""
    kind = inputs or next(iter(catalog.op(op).inputs))
    selection = Selection(names=(op,), inputs=(kind,), dtypes=("float32",), threads=1)
    race = plan_checks(catalog, selection)[0]
    return build_reference(catalog.op(op), race.case, thorough=True)


def verdict(catalog, op, function, **words):
    return checks.check(reference_of(catalog, op, **words), function, thorough=True)


class Softmax(Function):
    """A right softmax, of which others change one step each."""

    @staticmethod
    def forward(ctx, x):
        y = torch.softmax(x, -1)
        ctx.save_for_backward(y)
        return y.clone()

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return y * (gradient - (gradient * y).sum(-1, keepdim=True))


class TakesPackedGradients(Softmax):
    @staticmethod
    def backward(ctx, gradient):
        packed = gradient.as_strided(gradient.shape, (gradient.shape[-1], 1))
        return Softmax.backward(ctx, packed)


class ScalesTheGradient(Softmax):
    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return gradient.sub_((gradient * y).sum(-1, keepdim=True)).mul_(y)


class OtherValuesInTraining(Softmax):
    @staticmethod
    def forward(ctx, x):
        y = Softmax.forward(ctx, x)
        return y * 1.001 if ctx.needs_input_grad[0] else y


class OverwritesItsInput(Softmax):
    @staticmethod
    def forward(ctx, x):
        y = Softmax.forward(ctx, x)
        if ctx.needs_input_grad[0]:
            x.data.copy_(y)
        return y


class OverwritesItsInputBackward(Softmax):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return Softmax.forward(ctx, x)

    @staticmethod
    def backward(ctx, gradient):
        found = Softmax.backward(ctx, gradient)
        ctx.x.data.copy_(found)
        return found


class GoesBackOnce(Softmax):
    @staticmethod
    def backward(ctx, gradient):
        found = Softmax.backward(ctx, gradient)
        ctx.saved_tensors[0].data.zero_()
        return found


class KeepsOnItsClass(Softmax):
    @staticmethod
    def forward(ctx, x):
        KeepsOnItsClass.last = torch.softmax(x, -1)
        return KeepsOnItsClass.last.clone()

    @staticmethod
    def backward(ctx, gradient):
        y = KeepsOnItsClass.last
        return y * (gradient - (gradient * y).sum(-1, keepdim=True))


class SpoilsOtherRows(Softmax):
    """Takes a shortcut that lets NaN of one row reach the others."""

    @staticmethod
    def backward(ctx, gradient):
        return Softmax.backward(ctx, gradient) + 0 * gradient.sum()


@pytest.mark.parametrize(
    ("function", "stage", "words"),
    [
        (TakesPackedGradients, "gradient", "gradient of the output"),
        (ScalesTheGradient, "inputs", "changed the gradient of its output"),
        (OtherValuesInTraining, "value", "elements are off"),
        (OverwritesItsInput, "inputs", "changed an input"),
        (OverwritesItsInputBackward, "inputs", "changed an input"),
        (GoesBackOnce, "gradient", "in a second backward pass"),
        (KeepsOnItsClass, "gradient", "after another forward pass"),
    ],
)
def test_fault_of_a_pass_in_training_is_found(catalog, function, stage, words):
    found = verdict(catalog, "batched_softmax", function.apply)
    assert isinstance(found, Wrong)
    assert (found.stage, words in found.reason) == (stage, True), found


def test_gradient_of_a_right_function_passes_in_all_circumstances(catalog):
    assert isinstance(verdict(catalog, "batched_softmax", Softmax.apply), Right)


def test_nan_of_one_row_that_reaches_others_is_found(catalog):
    found = verdict(catalog, "batched_softmax", SpoilsOtherRows.apply, inputs="nonfinite")
    assert isinstance(found, Wrong)
    assert "elements that they have no part in" in found.reason
    whole = verdict(catalog, "batched_softmax", Softmax.apply, inputs="nonfinite")
    assert isinstance(whole, Right)


def test_next_contender_is_right_after_one_that_changes_what_it_was_lent(catalog):
    reference = reference_of(catalog, "batched_softmax")
    for function in (ScalesTheGradient, OverwritesItsInput, OverwritesItsInputBackward):
        assert isinstance(checks.check(reference, function.apply), Wrong)
        assert isinstance(checks.check(reference, Softmax.apply), Right)


class CombineNeedsBoth(Function):
    @staticmethod
    def forward(ctx, y, weights):
        ctx.save_for_backward(y, weights)
        return torch.einsum("tk,tkd->td", weights, y)

    @staticmethod
    def backward(ctx, gradient):
        y, weights = ctx.saved_tensors
        if ctx.needs_input_grad[0]:
            of_y = weights[..., None] * gradient[:, None]
        of_weights = (y * gradient[:, None]).sum(-1)
        return of_y, of_weights


class CombineSwapsAlone(CombineNeedsBoth):
    @staticmethod
    def backward(ctx, gradient):
        y, weights = ctx.saved_tensors
        scale = 1 if all(ctx.needs_input_grad) else 2
        return scale * weights[..., None] * gradient[:, None], (y * gradient[:, None]).sum(-1)


def test_argument_that_alone_needs_a_gradient_is_tried(catalog):
    found = verdict(catalog, "moe_combine", CombineNeedsBoth.apply)
    assert isinstance(found, Failed)
    assert "where weights alone need a gradient: UnboundLocalError" in found.reason
    found = verdict(catalog, "moe_combine", CombineSwapsAlone.apply)
    assert isinstance(found, Wrong)
    assert "where y alone need" in found.reason


class TwoBuffers:
    """Answers in static memory, by turns."""

    def __init__(self):
        self.buffers, self.turn = {}, 0

    def __call__(self, x):
        self.turn += 1
        key = (*x.shape, self.turn % 2)
        result = torch.softmax(x, -1)
        if x.requires_grad:
            return result
        return self.buffers.setdefault(key, torch.empty_like(result)).copy_(result)


def test_earlier_result_that_changes_is_found(catalog):
    found = verdict(catalog, "batched_softmax", TwoBuffers())
    assert isinstance(found, Wrong)
    assert (found.stage, found.reason) == (
        "results",
        "an earlier result changed when it was called again",
    )


def leaves_rows_as_memory_was(x):
    """Zeros wherever memory isn't filled on purpose: what it holds else is a matter of luck."""
    filled = torch.are_deterministic_algorithms_enabled()
    fresh = torch.empty_like(x) if filled else torch.zeros_like(x)
    return fresh + torch.softmax(x, -1)


def test_memory_that_nobody_wrote_is_found(catalog):
    found = verdict(catalog, "batched_softmax", leaves_rows_as_memory_was)
    assert isinstance(found, Wrong)
    assert "where fresh memory holds NaN" in found.reason
    assert not torch.are_deterministic_algorithms_enabled()


def test_work_that_depends_on_chance_is_no_cache(catalog):
    reference = reference_of(catalog, "batched_logsumexp")

    def with_chance(x):
        for _ in range(random.randrange(9) + int(torch.randint(9, ()))):
            x = x + 0
        return torch.logsumexp(x, -1)

    for _ in range(5):
        assert isinstance(checks.check(reference, with_chance), Right)


def test_table_by_a_size_that_follows_from_values_is_no_cache(catalog):
    tables = {}

    def with_a_table(boundaries, *rest, **options):
        size = int((boundaries > 0.5).sum()) % 4
        if size not in tables:
            tables[size] = torch.arange(size + 1.0).exp().log()
        return catalog.impl("boundary_upsample", "gather").function(boundaries, *rest, **options)

    reference = reference_of(catalog, "boundary_upsample")
    for _ in range(5):
        assert isinstance(checks.check(reference, with_a_table), Right)


def test_cache_by_content_names_the_first_operator_that_differs(catalog):
    seen = {}

    def remembers(x):
        key = tuple(x.detach().flatten().tolist())
        if key not in seen:
            seen[key] = torch.softmax(x, -1)
        return seen[key].clone()

    reference = reference_of(catalog, "batched_softmax")
    found = checks.check(reference, remembers)
    assert isinstance(found, Wrong)
    assert found.stage == "cache"
    assert "the first that differs is aten::softmax" in found.reason


def test_sparse_result_is_named_as_such(catalog):
    found = verdict(catalog, "batched_softmax", lambda x: torch.softmax(x, -1).to_sparse())
    assert isinstance(found, Wrong)
    assert found.reason == "a tensor of torch.sparse_coo, where a dense one is due"
