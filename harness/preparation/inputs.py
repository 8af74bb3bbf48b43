"""Inputs of a case: seeded from the case, cast, laid out and placed, equal for all contenders.

All contenders of a case, in all processes and versions, get the same values: drawn from generators
that the case seeds, whatever the device, dtype or pass. Each kind makes float tensors; casting,
layout and device are applied here, so that an op declares its inputs once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from opbench.harness.declaration.named_arguments import call_named, is_default
from opbench.harness.declare import Op
from opbench.harness.outcomes import charged_to, op_fault
from opbench.harness.preparation.layouts import far_apart, laid_out, repeated
from opbench.harness.preparation.whole_numbers import enlarged, room, whole
from opbench.results.records import Case


@dataclass(frozen=True, slots=True)
class Inputs:
    """Arguments and options of one call."""

    #: Names of the arguments.
    names: tuple[str, ...]
    #: Given by position.
    args: tuple[Any, ...]
    #: Given by name; those at their default are left out.
    options: Mapping[str, Any]

    @property
    def values(self) -> dict[str, Any]:
        """Arguments and options by name."""
        return {**dict(zip(self.names, self.args, strict=True)), **self.options}

    def map(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        """The same inputs with every tensor changed."""
        args = tuple(map_tensors(change, value) for value in self.args)
        options = {name: map_tensors(change, value) for name, value in self.options.items()}
        return Inputs(self.names, args, options)

    def equals(self, other: Inputs) -> bool:
        """Whether all values are the same; NaN is like nothing."""
        blank = torch.empty(0)
        try:
            if self.map(lambda _: blank).values != other.map(lambda _: blank).values:
                return False
        # Of an array, which nobody can call equal or not.
        except ValueError:
            return False
        pairs = zip(self.tensors(), other.tensors(), strict=True)
        return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)

    def leaves(self, names: tuple[str, ...]) -> tuple[Inputs, tuple[Tensor, ...]]:
        """The same inputs with new leaves for the arguments to differentiate, and these, in order.

        A list of tensors has a leaf for each of them.
        """
        leaves: list[Tensor] = []

        def fresh(tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point():
                return tensor
            leaves.append(tensor.detach().requires_grad_())
            return leaves[-1]

        args = tuple(
            map_tensors(fresh, value) if name in names else value
            for name, value in zip(self.names, self.args, strict=True)
        )
        return Inputs(self.names, args, self.options), tuple(leaves)

    def leaf_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """A name for each leaf that `leaves` makes: "weights", or "parts[1]" in a list."""
        found: list[str] = []
        for name, value in zip(self.names, self.args, strict=True):
            tensors = tensors_in(value) if name in names else ()
            several = isinstance(value, list | tuple)
            found += [
                f"{name}[{place}]" if several else name
                for place, tensor in enumerate(tensors)
                if tensor.is_floating_point()
            ]
        return tuple(found)

    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor of the arguments and options."""
        return tensors_in((self.args, tuple(self.options.values())))

    def with_tensors(self, tensors: Sequence[Tensor]) -> Inputs:
        """The same inputs with other tensors, in the order of `tensors`."""
        values = iter(tensors)
        return self.map(lambda _: next(values))


def build(op: Op, case: Case, *, variant: int = 0) -> Inputs:
    """The inputs of `case`.

    variant: another one has other values, in the same shapes as a rule.
    Raises OpFaultError where the op's function raises, or returns other names than the op's,
    UnsupportedError where its values can't be laid out so.
    """
    axes, dtype = dict(case.axes), getattr(torch, case.dtype)
    made = _generate(op, case, axes, _seed(case, variant))

    args = tuple(made[name] for name in op.arguments)
    # Set by the shape, or made with the arguments. Those at their default are left out, so that a
    # contender may lack them.
    options = {
        name: value
        for name, value in {**axes, **made}.items()
        if name in op.options and not is_default(value, op.defaults[name])
    }
    given = Inputs(op.arguments, args, options)
    bits = _room(op, given) if dtype == torch.int64 else 0
    return _laid_out(op, case, given.map(lambda t: _cast(t, dtype, bits=bits).to(case.device)))


def _room(op: Op, given: Inputs) -> int:
    """By how many bits the whole numbers that are made of inputs may be larger."""
    if not any(tensor.is_floating_point() for tensor in given.tensors()):
        return 0

    def evaluate(change: Callable[[Tensor], Tensor]) -> object:
        changed = given.map(change)
        return op.oracle(*changed.args, **changed.options)

    return room(op, evaluate)


def ensure_valid(op: Op, given: Inputs, what: str) -> None:
    """Raise OpFaultError, which names `what`, where `validate` rejects inputs, or says so wrongly.

    It rejects by an exception: one that returns False would reject nothing.
    """
    if op.validate is None:
        return
    with charged_to(op.name, what, op.validate):
        answer = call_named(op.validate, {**op.defaults, **given.values})
    if isinstance(answer, bool | str):
        why = f"returned {answer!r}; it has to raise a ValueError where it rejects"
        raise op_fault(op.name, what, op.validate, why)


def _laid_out(op: Op, case: Case, given: Inputs) -> Inputs:
    """The inputs in the case's layout; in `expanded` of fewer values, as elements share memory."""
    if case.layout == "expanded":

        def accepts(tensors: Sequence[Tensor]) -> bool:
            what = f"validate, of its own inputs[{case.inputs!r}],"
            with charged_to(op.name, what, op.validate or op.oracle):
                return _accepts(op, given.with_tensors(tensors))

        return given.with_tensors(repeated(given.tensors(), accepts))
    if case.layout == "far":
        return given.with_tensors(far_apart(given.tensors()))
    return given.map(lambda tensor: laid_out(tensor, case.layout))


def _accepts(op: Op, given: Inputs) -> bool:
    """Whether inputs of which some elements are repeated are still within the op's contract.

    Without `validate` rows may be repeated, but not the elements of a tensor of one axis, which may
    be indexes that have to differ, or probabilities that sum to 1.
    """
    if op.validate is None:
        return not any(t.ndim == 1 and t.stride() == (0,) for t in given.tensors())
    try:
        call_named(op.validate, {**op.defaults, **given.values})
    except (ValueError, TypeError):
        return False
    return True


def _generate(op: Op, case: Case, axes: Mapping[str, object], seed: int) -> Mapping[str, Any]:
    """The values, by name, that the op's function returns for the input kind of a case."""
    make, what = op.inputs[case.inputs], f"inputs[{case.inputs!r}]"
    rng = torch.Generator().manual_seed(seed)
    with charged_to(op.name, what, make), _seeded(seed):
        made = call_named(make, {**axes, "rng": rng})
    if not isinstance(made, Mapping):
        why = f"returned {type(made).__name__}, not a mapping of arguments to values"
        raise op_fault(op.name, what, make, why)
    if set(op.arguments) - set(made) or set(made) - {*op.arguments, *op.options}:
        options = f" and the options {', '.join(op.options)}" if op.options else ""
        why = (
            f"returned {', '.join(map(str, made)) or 'nothing'}; "
            f"the arguments are {', '.join(op.arguments)}{options}"
        )
        raise op_fault(op.name, what, make, why)
    return made


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator by the case as well: not all functions use `rng`."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`value` with every tensor in it changed; lists and tuples are walked."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(change, item) for item in value)
    return value


def tensors_in(value: Any) -> tuple[Tensor, ...]:
    """Every tensor in a value; lists and tuples are walked."""
    tensors: list[Tensor] = []

    def collect(tensor: Tensor) -> Tensor:
        tensors.append(tensor)
        return tensor

    map_tensors(collect, value)
    return tuple(tensors)


def _seed(case: Case, variant: int) -> int:
    """The seed of a case's inputs."""
    # Neither the device, the dtype nor the direction, so that their cases share their values.
    text = f"{case.op}/{case.shape}/{case.axes}/{case.inputs}/{case.seed}/{variant}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


def _cast(tensor: Tensor, dtype: torch.dtype, *, bits: int) -> Tensor:
    """Floating values in `dtype`; where that is an integer type, whole numbers of them.

    bits: by which these are larger.
    """
    if not tensor.is_floating_point() or dtype.is_floating_point:
        return tensor.to(dtype) if tensor.is_floating_point() else tensor
    return enlarged(whole(tensor, dtype), bits)
