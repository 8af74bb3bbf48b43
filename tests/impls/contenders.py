"""Every contender of a family that runs here, and how to hold one against its op's contract."""

import importlib.util
import shutil

import pytest
import torch

from opbench import load
from opbench.harness.correctness.caveats import machine_facts, shows
from opbench.harness.correctness.evaluation import comparable, differentiate
from opbench.harness.correctness.oracle import expect
from opbench.harness.correctness.tolerance import error_of
from opbench.harness.declaration.fields import BOARDS
from opbench.harness.declare import board_of, races_on
from opbench.harness.machine.environment import describe
from opbench.harness.preparation.inputs import Inputs, build
from opbench.harness.preparation.output_modes import as_tuple, function_in_mode, op_in_mode
from opbench.harness.preparation.resolve import resolve
from opbench.results.records import Case

COMPILER = shutil.which("c++") or shutil.which("g++")
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
# Inductor's import trips over a deprecation inside torch itself.
QUIET = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


def kinds_of_any_dtype(op):
    """The input kinds that are checked in every dtype: long sums are in half precision alone."""
    return [kind for kind in op.inputs if kind not in op.long_sums]


class Kit:
    """The ops and contenders of some modules."""

    def __init__(self, *modules):
        self.catalog = load(*modules, entry_points=False)

    def names(self, op, *, compiled=False):
        """The contenders of `op` in eager mode; those that are compiled are tested apart."""
        found = []
        for name, contender in self.catalog.impls[op].items():
            if (contender.prepare is not None) != compiled or name == "triton":
                continue
            if name == "cpp" and COMPILER is None:
                continue
            if all(importlib.util.find_spec(module) for module in contender.requires):
                found.append(name)
        return found

    def pairs(self, *ops, compiled=False):
        """(op, contender) of the ops, of all of them where none is named."""
        named = ops or tuple(self.catalog.ops)
        return [(op, name) for op in named for name in self.names(op, compiled=compiled)]

    def boards(self, op, name):
        """The boards that the contender races on."""
        declared, contender = self.catalog.ops[op], self.catalog.impls[op][name]
        return [board for board in BOARDS if races_on(declared, contender, board)]

    def function(self, op, name, board=""):
        """What runs when the contender is called, on its own board where none is named."""
        contender = self.catalog.impls[op][name]
        plain = resolve(contender)
        return function_in_mode(self.catalog.ops[op], contender, plain, board) if board else plain

    def shows(self, op, name, kind, dtypes=DTYPES):
        """Whether the contender's weakness on that kind of input shows here in some of the dtypes.

        False where it admits none, None where it may show.
        """
        caveat = self.catalog.impls[op][name].caveats.get(kind)
        if caveat is None:
            return False
        on = [
            Case(op=op, shape="", axes=(), inputs=kind, dtype=str(d).removeprefix("torch."))
            for d in dtypes
        ]
        reported = {shows(caveat, case, machine_facts(describe())) for case in on}
        return True if True in reported else None if None in reported else False

    def admits(self, op, name, kind):
        """Whether the contender may be wrong on that kind of input on this machine."""
        return self.shows(op, name, kind) is not False

    def refuses(self, op, name, given, board=""):
        """Why the contender doesn't take these inputs, or values by name; None where it does."""
        declared, contender = self.catalog.ops[op], self.catalog.impls[op][name]
        values = {**declared.defaults, **(given.values if isinstance(given, Inputs) else given)}
        tensors = [value for value in values.values() if torch.is_tensor(value)]
        first = next((t for t in tensors if t.is_floating_point()), next(iter(tensors), None))
        dtype = "none" if first is None else str(first.dtype).removeprefix("torch.")
        traits = {"dtype": dtype, "device": "cpu", "direction": "both"}
        board = board or board_of(declared, contender)
        return contender.supports.refusal({**values, **traits, "board": board})

    def make(self, op, kind, axes, *, dtype=torch.float32, seed=0, layout="contiguous"):
        """Inputs of that kind, in `dtype` and `layout`."""
        label = str(dtype).removeprefix("torch.")
        case = Case(
            op=op,
            shape="test",
            axes=tuple(axes.items()),
            inputs=kind,
            dtype=label,
            layout=layout,
            seed=seed,
        )
        return build(self.catalog.ops[op], case)

    def errors(self, op, given, run, dtype, *, gradients=True, board=""):
        """The largest_error errors of the outputs and gradients of `run`, in tolerances."""
        declared = op_in_mode(self.catalog.ops[op], board)
        label = str(dtype).removeprefix("torch.")
        truth = expect(declared, given, dtype=label, seed=0, gradients=gradients)
        before = [tensor.clone() for tensor in given.tensors()]
        bound, leaves = given.leaves(declared.grad if gradients else ())
        outputs = as_tuple(run(*bound.args, **bound.options))
        assert len(outputs) == len(truth.outputs)
        for output, want in zip(outputs, truth.outputs, strict=True):
            floating = want.value.is_floating_point()
            named = getattr(torch, declared.output_dtype) if declared.output_dtype else dtype
            assert output.dtype == (named if floating else want.value.dtype)
            assert output.shape == want.value.shape
        for old, new in zip(before, given.tensors(), strict=True):
            assert torch.equal(old.nan_to_num(), new.nan_to_num())
        with torch.no_grad():
            found = comparable(declared, outputs, given)
        pairs = list(zip(found, truth.compared, strict=True))
        if truth.gradients:
            grads = differentiate(outputs, leaves, truth.upstream)
            pairs += list(zip(grads, truth.gradients, strict=True))
        tolerance = declared.tolerance[label]
        return [error_of(found.detach(), want, tolerance) for found, want in pairs]


def shares(one, other):
    """Whether two tensors lie in the same memory."""
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
