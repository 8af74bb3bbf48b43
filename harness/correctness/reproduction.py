"""A failure as a Python program that needs torch and the contender's own file, and no opbench."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from opbench.harness.correctness.memory import clone
from opbench.harness.correctness.oracle import Expected
from opbench.harness.correctness.reference import Reference, call
from opbench.harness.correctness.tolerance import Truth, error_of
from opbench.harness.declaration.origins import name_of_file
from opbench.harness.declare import Impl
from opbench.harness.preparation.inputs import Inputs
from opbench.harness.preparation.output_modes import as_tuple, copies_view
from opbench.results.errors import UnsupportedError
from opbench.results.records import Failed, Wrong

#: The most elements of a tensor's memory that are written out.
MOST_ELEMENTS = 1000

#: Stands for opbench while the contender's file is loaded: a declaration is only kept by its name.
_STAND_IN = """\
class Anything:
    def __getattr__(self, name): return Anything()
    def __call__(self, *args, **options): return Anything()

declared = {}

def impl(op, *, name=None, **rest):
    def tag(function):
        declared[op, name or function.__name__] = function
        return function
    return tag

stand_in = types.ModuleType("opbench")
stand_in.__getattr__ = lambda name: Anything()
stand_in.impl = impl
sys.modules["opbench"] = stand_in
"""
#: What is said where a plain call isn't off.
_AS_EXPECTED = "as expected here; the check found: "
_COMPARE = """\
def compare(what, found, expected, allowed):
    assert found is not None, f"{what}: there is none"
    assert found.shape == expected.shape, f"{what}: {found.shape} instead of {expected.shape}"
    off = (found.double() - expected.double()).abs()
    same = (found == expected.to(found.dtype)) | (found.isnan() & expected.isnan())
    print(what, found, "expected", expected, "off by", off, sep="\\n")
    assert (same | (off <= allowed)).all(), f"{what}: off by more than is allowed"
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is reproduced."""

    contender: Impl
    #: Of the smallest case.
    reference: Reference
    #: What the check says there.
    verdict: Wrong | Failed


def program(failure: Failure, function: Callable[..., Any]) -> str:
    """The program, which ends with an AssertionError that shows the failure.

    function: the contender, resolved. Where only the check's circumstances show it, the program
    calls the contender and says so.
    Raises UnsupportedError where the inputs are too large, or results aren't compared as they are.
    """
    reference, contender = failure.reference, failure.contender
    if reference.op.canonical is not None or reference.case.board == "consume":
        raise UnsupportedError("its results are compared in another form than they have")
    off = _first_that_is_off(reference, function)
    given, expected = off or (reference.first, reference.expected_first)
    in_training = bool(expected.gradients) and (not off or failure.verdict.stage == "gradient")
    return "\n".join(
        (
            *_beginning(failure),
            *_loaded(contender),
            "",
            *_inputs(reference, given, in_training=in_training),
            "",
            _COMPARE,
            *_call(failure),
            *_compared("output", expected.outputs, reference),
            *(_differentiated(reference, expected) if in_training else ()),
            f"print({_AS_EXPECTED + failure.verdict.reason!r})",
            "",
        )
    )


def _beginning(failure: Failure) -> Iterator[str]:
    """What is wrong, and what the program needs."""
    case, contender = failure.reference.case, failure.contender
    for text in (
        f"{contender.name} of {contender.op}: {failure.verdict.reason}",
        f"The smallest case found: {case.label} ({case.sizes}).",
    ):
        yield from (f"# {line}" for line in text.splitlines())
    yield ""
    yield "import importlib.util, sys, types"
    yield "import torch"
    yield "from math import inf, nan"
    yield ""


def _first_that_is_off(
    reference: Reference, function: Callable[..., Any]
) -> tuple[Inputs, Expected] | None:
    """Those of the two inputs on which a plain call fails, and the truth about them."""
    for given, expected in (
        (reference.first, reference.expected_first),
        (reference.second, reference.expected_second),
    ):
        if _is_off(reference, function, given, expected.outputs):
            return given, expected
    return None


def _is_off(
    reference: Reference, function: Callable[..., Any], given: Inputs, truths: Iterable[Truth]
) -> bool:
    """Whether a plain call on inputs gives other values, or fails."""
    tolerance = reference.op.tolerance[reference.case.dtype]
    try:
        outputs = as_tuple(call(function, given.map(clone)))
        return any(
            output.shape != truth.value.shape or error_of(output.detach(), truth, tolerance) > 1
            for output, truth in zip(outputs, truths, strict=True)
        )
    except (RuntimeError, TypeError, ValueError, IndexError):
        return True


def _loaded(contender: Impl) -> Iterator[str]:
    """Lines that make `contender` the function that runs."""
    file = Path(contender.place.rpartition(":")[0]).resolve() if contender.place else None
    name = getattr(contender.function, "__qualname__", contender.name)
    if contender.parts:
        own = str(file) if file and contender.module == name_of_file(file) else contender.module
        yield "import opbench"
        yield "from opbench.harness.preparation.resolve import resolve"
        yield f"catalog = opbench.load({own!r})"
        yield f"contender = resolve(catalog.impl({contender.op!r}, {contender.name!r}))"
        return
    if contender.target is not None:
        module, _, attribute = contender.target.partition(":")
        yield f"from {module} import {attribute} as contender"
    elif file is not None and contender.module == name_of_file(file):
        yield _STAND_IN
        yield f'spec = importlib.util.spec_from_file_location("theirs", {str(file)!r})'
        yield "spec.loader.exec_module(importlib.util.module_from_spec(spec))"
        yield f"contender = declared[{contender.op!r}, {contender.name!r}]"
    else:
        yield f"import {contender.module} as theirs"
        yield f"contender = theirs.{name}"
    if isinstance(contender.prepare, str):
        module, _, attribute = contender.prepare.partition(":")
        yield f"from {module} import {attribute} as prepare"
        yield "contender = prepare(contender)"


def _inputs(reference: Reference, given: Inputs, *, in_training: bool) -> Iterator[str]:
    """A line for each argument and option."""
    for name, value in given.values.items():
        yield f"{name} = {_literal(value)}"
    if in_training:
        for name in reference.op.grad:
            yield f"for t in {name} if isinstance({name}, (list, tuple)) else [{name}]:"
            yield "    t.requires_grad_(t.is_floating_point())"


def _call(failure: Failure) -> Iterator[str]:
    """The call, with the options that aren't at their default, and what is done with its result."""
    reference = failure.reference
    options = [f"{name}={name}" for name in reference.first.options]
    yield f"outputs = contender({', '.join((*reference.op.arguments, *options))})"
    yield "outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)"
    if copies_view(reference.op, failure.contender, reference.case.board):
        yield "outputs = [o.clone(memory_format=torch.contiguous_format) for o in outputs]"


def _compared(what: str, truths: tuple[Truth, ...], reference: Reference) -> Iterator[str]:
    """A comparison of each output, or gradient, with the truth."""
    tolerance = reference.op.tolerance[reference.case.dtype]
    for number, truth in enumerate(truths):
        is_float = truth.value.is_floating_point()
        allowed = _literal(tolerance * truth.magnitude) if is_float else "0"
        yield (
            f"compare('{what} {number}', {what}s[{number}],"
            f"\n    {_literal(truth.value)},\n    {allowed})"
        )


def _differentiated(reference: Reference, expected: Expected) -> Iterator[str]:
    """Lines that go backward and compare the gradients."""
    yield f"leaves = [{', '.join(reference.op.grad)}]"
    yield "leaves = [t for x in leaves for t in (x if isinstance(x, (list, tuple)) else [x])]"
    yield f"upstream = [{', '.join(map(_literal, expected.upstream))}]"
    yield "pairs = [(o, u) for o, u in zip(outputs, upstream) if o.requires_grad]"
    yield "gradients = torch.autograd.grad([o for o, _ in pairs], leaves, [u for _, u in pairs],"
    yield "    allow_unused=True)"
    yield from _compared("gradient", expected.gradients, reference)


def _literal(value: Any) -> str:
    """An expression that makes the value again, tensors in the memory layout that they have."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if not isinstance(value, Tensor):
        return repr(value)
    dtype = f"dtype={value.dtype}"
    if value.is_contiguous() and value.storage_offset() == 0:
        return f"torch.tensor({_elements(value)}, {dtype}).reshape({tuple(value.shape)})"
    memory = value.as_strided((value.untyped_storage().nbytes() // value.itemsize,), (1,), 0)
    size, stride, offset = tuple(value.shape), value.stride(), value.storage_offset()
    return f"torch.tensor({_elements(memory)}, {dtype}).as_strided({size}, {stride}, {offset})"


def _elements(tensor: Tensor) -> str:
    """The elements of a tensor as a list. Raises UnsupportedError where nobody would read it."""
    if tensor.numel() > MOST_ELEMENTS:
        raise UnsupportedError(f"a tensor of it has {tensor.numel()} elements")
    return str(tensor.detach().flatten().tolist())
