"""What an op promises beside values and gradients is checked, and nothing else is."""

import pytest
import torch

import opbench
from opbench import Cost, Op, impl
from opbench.harness.correctness.checks import check
from opbench.harness.correctness.reference import build_reference
from opbench.results.errors import DeclarationError
from opbench.results.records import Case, Failed, Right, Wrong
from tests.harness.test_catalog import module

CASE = Case(
    op="scaled",
    shape="odd",
    axes=(("R", 3), ("N", 5)),
    inputs="normal",
    dtype="float32",
    direction="both",
)


def op_of(*promises):
    return Op(
        name="scaled",
        oracle=lambda x, w, *, power=2: x**power * w,
        axes={"R": "rows", "N": "columns"},
        inputs={
            "normal": lambda R, N, rng: {
                "x": torch.randn(R, N, generator=rng),
                "w": torch.randn(N, generator=rng),
            }
        },
        quick={"small": {"R": 8, "N": 16}},
        edge={"odd": {"R": 3, "N": 5}},
        cost=lambda R, N, e: Cost(R * N, 2 * R * N * e),
        grad=("x", "w"),
        promises=promises,
    )


def right(x, w, *, power=2):
    return x**power * w


class OnceOnly(torch.autograd.Function):
    """Its gradient is right, and that of its gradient is not: a factor is taken for a number."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx, grad):
        x, w = ctx.saved_tensors
        return 2 * grad * x * w.detach(), (grad * x * x).sum(0)


def once_only(x, w, *, power=2):
    return OnceOnly.apply(x, w)


def data_read(x, w, *, power=2):
    return x**power * w if x.detach().sum().item() < 1e9 else x


def verdict(function, *promises):
    reference = build_reference(op_of(*promises), CASE, thorough=True)
    return check(reference, function, thorough=True)


@pytest.mark.parametrize("promise", ["second_derivative", "vmap", "compile"])
def test_right_one_keeps_each_promise(promise):
    assert isinstance(verdict(right, promise), Right)


def test_wrong_second_derivative_is_found():
    found = verdict(once_only, "second_derivative")
    assert isinstance(found, Wrong)
    assert found.stage == "gradient"
    assert found.reason.startswith("differentiated twice: of w: ")


@pytest.mark.parametrize("promise", ["vmap", "compile"])
def test_function_that_looks_at_its_data_breaks_promises(promise):
    found = verdict(data_read, promise)
    assert isinstance(found, Failed)
    assert {"vmap": "vmap", "compile": "torch.compile"}[promise] in found.reason


def test_wrong_result_under_vmap_is_found():
    def by_batch(x, w, *, power=2):
        inside = torch._C._functorch.is_batchedtensor(x)
        return x**power * w * (2 if inside else 1)

    found = verdict(by_batch, "vmap")
    assert isinstance(found, Wrong)
    assert found.reason.startswith("under torch.func.vmap: ")


@pytest.mark.parametrize("function", [once_only, data_read])
def test_what_is_not_promised_is_not_tried(function):
    assert isinstance(verdict(function), Right)


def test_unknown_promise_is_an_error_of_the_declaration():
    with pytest.raises(DeclarationError, match=r"promises 'vmapp' is not one of .*did you mean"):
        op_of("vmapp")


def test_promises_are_loaded_with_an_op():
    @impl("scaled")
    def mine(x, w, *, power=2):
        return x**power * w

    catalog = opbench.load(
        module("ops", op=op_of("vmap")), module("theirs", f=mine), entry_points=False
    )
    assert catalog.op("scaled").promises == ("vmap",)
