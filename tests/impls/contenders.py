"""Every contender of an op that runs here, and how to hold one against the op's contract."""

import importlib.util
import shutil

import pytest
import torch

from harness import load
from harness.agreement import error_units, largest
from harness.inputs import Inputs
from harness.oracle import expect, gradient
from harness.prepare import resolve

CATALOG = load(
    "suites.pooling",
    "suites.boundaries",
    "impls.patch_pooling",
    "impls.patch_pooling_ids",
    "impls.boundary_downsample",
    "impls.boundary_upsample",
    entry_points=False,
)
COMPILER = shutil.which("c++") or shutil.which("g++")
# Inductor's import trips over a deprecation inside torch itself.
QUIET = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


def names(op, *, compiled=False):
    """The contenders of `op` in eager mode; those that are compiled are tested apart."""
    found = []
    for name, contender in CATALOG.impls[op].items():
        if (contender.prepare is not None) != compiled or name == "triton":
            continue
        if name == "cpp" and COMPILER is None:
            continue
        if all(importlib.util.find_spec(module) for module in contender.requires):
            found.append(name)
    return found


def function(op, name):
    """What runs when the contender is called."""
    return resolve(CATALOG.impls[op][name])


def admits(op, name, kind):
    """Whether the contender declares a weakness on that kind of input."""
    return kind in CATALOG.impls[op][name].caveats


def refuses(op, name, values):
    """Whether the contender says that it doesn't take these values."""
    dtype = next(v for v in values.values() if torch.is_tensor(v) and v.is_floating_point()).dtype
    traits = {"dtype": str(dtype).removeprefix("torch."), "device": "cpu", "direction": "both"}
    return CATALOG.impls[op][name].supports.refusal({**values, **traits})


def make(op, kind, axes, *, dtype=torch.float32, seed=0, transposed=False):
    """Inputs of that kind, in `dtype`, with the tensors' memory turned around if asked."""
    rng = torch.Generator().manual_seed(seed)
    made = CATALOG.ops[op].inputs[kind](**axes, rng=rng)
    declared = CATALOG.ops[op]

    def place(tensor):
        cast = tensor.to(dtype) if tensor.is_floating_point() else tensor
        return cast.transpose(0, -1).contiguous().transpose(0, -1) if transposed else cast

    options = {name: made[name] for name in declared.options if name in made}
    args = tuple(made[name] for name in declared.arguments)
    return Inputs(declared.arguments, args, options).map(place)


def errors(op, given, run, dtype, *, gradients=True):
    """The largest errors of the outputs and gradients of `run`, in units of the tolerance."""
    declared = CATALOG.ops[op]
    label = str(dtype).removeprefix("torch.")
    truth = expect(declared, given, dtype=label, seed=0, gradients=gradients)
    before = [tensor.clone() for tensor in given.tensors()]
    bound, leaves = given.leaves(declared.grad if gradients else ())
    output = run(*bound.args, **bound.options)
    assert output.dtype == dtype
    assert output.shape == truth.outputs[0].value.shape
    assert output.is_contiguous()
    for old, new in zip(before, given.tensors(), strict=True):
        assert torch.equal(old.nan_to_num(), new.nan_to_num())
        assert new.numel() == 0 or output.numel() == 0 or not shares(output, new)
    pairs = [(output.detach(), truth.outputs[0])]
    if gradients:
        slopes = gradient((output,), leaves, truth.upstream)
        pairs += list(zip(slopes, truth.gradients, strict=True))
    return [largest(error_units(found, want, declared.tolerance[label])) for found, want in pairs]


def shares(one, other):
    """Whether two tensors lie in the same memory."""
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
