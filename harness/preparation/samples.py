"""Inputs from the samples by which torch tests its own functions (OpInfo)."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from opbench.harness.declaration.named_arguments import call_named, is_default
from opbench.harness.declaration.samples import Samples
from opbench.harness.declare import Op
from opbench.harness.outcomes import charged_to
from opbench.harness.preparation.inputs import Inputs
from opbench.results.errors import UnsupportedError
from opbench.results.records import Case

#: The most samples: of some functions there are more than a thousand.
_MOST = 40


@dataclass(frozen=True, slots=True)
class Sample:
    """The inputs of one of torch's samples."""

    given: Inputs
    #: What is raised for them, as torch's tests expect it; "" where nothing is.
    error: str = ""


def samples_of(op: Op, case: Case) -> list[Sample]:
    """The samples that fit an op, in the dtype of a case, evenly chosen where there are many.

    Raises UnsupportedError where there are none, or torch's own tests can't be imported.
    """
    assert op.samples is not None
    info = _info(op.samples.function)
    with torch.random.fork_rng(()):
        torch.manual_seed(case.seed)
        dtype = getattr(torch, case.dtype)
        taken = [s for s in _bound(op, info.sample_inputs(case.device, dtype)) if _takes(op, s)]
        found = [Sample(given) for given in taken[:: -(-len(taken) // _MOST) or 1]]
        if op.samples.errors and info.error_inputs_func is not None:
            for wrong in info.error_inputs(case.device):
                bound = _bound(op, [wrong.sample_input])
                found += [Sample(given, str(wrong.error_regex)) for given in bound]
    if not found:
        raise UnsupportedError(f"no sample of torch's {op.samples.function} fits the op")
    return found


def _info(function: str) -> Any:
    """What torch's tests know of a function."""
    try:
        from torch.testing._internal.common_methods_invocations import op_db
    except ImportError as error:
        raise UnsupportedError(f"torch's own tests can't be imported: {error}") from error
    for info in op_db:
        if info.name == function and not info.variant_test_name:
            return info
    raise UnsupportedError(f"torch's own tests know no function {function!r}")


def _bound(op: Op, samples: Iterable[Any]) -> Iterator[Inputs]:
    """The inputs of those samples that are inputs of the op."""
    assert op.samples is not None
    for sample in samples:
        values = _values(op, op.samples, (sample.input, *sample.args), sample.kwargs)
        if values is not None:
            options = {
                name: value
                for name, value in values.items()
                if name in op.options and not is_default(value, op.defaults[name])
            }
            args = tuple(values[name] for name in op.arguments)
            yield Inputs(op.arguments, args, options).map(Tensor.detach)


def _values(
    op: Op, samples: Samples, args: tuple[Any, ...], options: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The arguments and options of a sample by their names in the op; None where it isn't one's."""
    if samples.bind is not None:
        try:
            inspect.signature(samples.bind).bind(*args, **options)
        # The op has no such option.
        except TypeError:
            return None
        with charged_to(op.name, "samples", samples.bind):
            return samples.bind(*args, **options)
    known = len(args) == len(op.arguments) and set(options) <= set(op.options)
    return {**dict(zip(op.arguments, args, strict=True)), **options} if known else None


def _takes(op: Op, given: Inputs) -> bool:
    """Whether inputs are within the op's contract."""
    with suppress(ValueError, TypeError):
        if op.validate is not None:
            call_named(op.validate, {**op.defaults, **given.values})
        return True
    return False
