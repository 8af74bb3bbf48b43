"""Evaluate a function as if every operation in it rounded, or find out that it only adds.

`Rounded` moves the result of each floating-point operation, below autograd, by about one unit: a
fixed tiny part of itself. How far that moves the outputs, in such units, says how far rounding may
(Monte Carlo arithmetic). Backward passes that run within it are moved too.

How far a number is moved depends on the number alone, and on which evaluation it is. So equal
numbers stay equal, what is larger stays larger, and an evaluation gives the same result always.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from opbench.results.errors import OpbenchError

#: One unit. Well below the rounding of float32, so that different numbers don't change places, and
#: well above that of float64, so that what a unit changes stands out from what float64 rounds.
UNIT = 2.0**-36

#: Operations that move numbers, or make constants: their results aren't rounded.
_MOVES = frozenset(
    """
    _index_put_impl _to_copy _unsafe_index_put _unsafe_view as_strided_copy as_strided_scatter cat
    clone constant_pad_nd copy diag_embed diagonal_backward diagonal_scatter embedding empty
    empty_like empty_strided expand_copy fill flip full full_like gather im2col index index_copy
    index_fill index_put index_select masked_fill masked_scatter masked_select new_empty
    new_empty_strided new_full new_ones new_zeros nonzero ones ones_like pixel_shuffle
    pixel_unshuffle reflection_pad1d reflection_pad2d repeat replication_pad1d replication_pad2d
    roll rot90 scalar_tensor scatter select_backward select_scatter slice_backward slice_scatter
    stack take tril triu unfold_copy where zero zeros zeros_like
    """.split()
)
#: Operations that choose among numbers, or give whole ones: their results aren't rounded either.
_CHOICES = frozenset(
    """
    abs adaptive_max_pool2d amax amin aminmax ceil clamp clamp_max clamp_min copysign cummax cummin
    floor fmax fmin frexp hardtanh hardtanh_backward kthvalue max max_pool2d_with_indices
    max_pool3d_with_indices maximum median min minimum mode nan_to_num neg relu round sgn sign sort
    threshold threshold_backward topk trunc
    """.split()
)
#: Sums of what other operations gave: these were moved, and so is the sum.
_ADDS = frozenset(
    """
    add col2im embedding_dense_backward index_add index_reduce max_pool2d_with_indices_backward rsub
    scatter_add scatter_reduce sub unfold_backward
    """.split()
)
#: Further operations that only add and multiply, so that of absolute values they give the sum of
#: the absolute values.
_SUMS = frozenset(
    """
    add addbmm addcmul addmm addmv addr avg_pool2d avg_pool2d_backward avg_pool3d baddbmm bmm col2im
    convolution convolution_backward cumsum dot embedding_dense_backward index_add mean mm mul mv
    scatter_add square sum unfold_backward
    """.split()
)
#: Those of them that take numbers as factors or terms, not as axes or sizes.
_BY_NUMBERS = frozenset("add addbmm addcmul addmm addmv addr baddbmm div mul".split())
#: Operations that leave memory as it was.
_EMPTY = frozenset("empty empty_like empty_strided new_empty new_empty_strided".split())


class NotASumError(OpbenchError):
    """Raised within `OnlySums` by the first operation that does more than to add and multiply."""


class QuietMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode that does without torch's compiler, which takes as long to import as torch."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether the compiler is kept out: what is evaluated here isn't compiled."""
        return False


class Rounded(QuietMode):
    """Within it, the result of each operation is moved by about one unit."""

    def __init__(self, number: int) -> None:
        """number: of the evaluation; each moves every number otherwise."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._number = number
        #: How much was done so far: operations, and one more for 4096 elements of a result.
        self.work = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result of one operation, moved where it rounds."""
        result = func(*args, **(kwargs or {}))
        self.work += 1
        # A constant that is made of no tensor isn't rounded.
        if _rounds(func) and any(True for _ in _tensors(args)):
            for tensor in _tensors(result):
                if tensor.dtype == torch.float64:
                    self.work += tensor.numel() // 4096
                    _move(tensor, self._number)
        return result


class OnlySums(QuietMode):
    """Within it, NotASumError is raised where absolute values wouldn't show how much was summed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        #: Whether it was raised: the function within may have caught it.
        self.refused = False
        #: Addresses of memory in which nothing is negative. It is looked through once: a loop over
        #: rows would do so for each of them.
        self._positive: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result of one operation, if that is a sum of products of numbers of one sign."""
        if func.is_view:
            # It says nothing new of the memory that it is a view of.
            return func(*args, **(kwargs or {}))
        # What is given by name may be a factor (`alpha`) or a term as well.
        values = (*args, *kwargs.values()) if kwargs else args
        floats = [tensor for tensor in _tensors(values) if tensor.is_floating_point()]
        if not self._only_adds(func, values, floats):
            self.refused = True
            raise NotASumError(str(func))
        result = func(*args, **(kwargs or {}))
        if _name(func) in _EMPTY:
            # So that it doesn't depend on what was there.
            result.zero_()
        made = map(_address, _tensors(result))
        if self._is_positive(values, floats):
            self._positive.update(made)
        else:
            self._positive.difference_update(made)
        return result

    def _is_positive(self, args: tuple[Any, ...], floats: list[Tensor]) -> bool:
        """Whether what an operation makes of its arguments is known to have nothing negative."""
        # A number that is filled in may be negative; so may an axis, which isn't worth telling.
        return (
            bool(floats)
            and all(_address(tensor) in self._positive for tensor in floats)
            and not any(map(_is_negative, args))
        )

    def _only_adds(self, func: Any, args: tuple[Any, ...], floats: list[Tensor]) -> bool:
        """Whether an operation moves numbers, or adds and multiplies what isn't negative."""
        if not floats or _moves(func):
            return True
        # A number that doesn't depend on the inputs may divide.
        divides = _name(func) == "div" and not (len(floats) > 1 or floats[0] is not args[0])
        if not divides and _name(func) not in _SUMS:
            return False
        factors = args if _name(func) in _BY_NUMBERS else ()
        return not any(map(_is_negative, factors)) and all(map(self._none_negative, floats))

    def _none_negative(self, tensor: Tensor) -> bool:
        """Whether a floating-point argument has no negative element."""
        address = _address(tensor)
        if address not in self._positive:
            if _has_negative(tensor):
                return False
            # Of a part nothing follows for the rest.
            if tensor.numel() * tensor.itemsize == tensor.untyped_storage().nbytes():
                self._positive.add(address)
        return True


def _address(tensor: Tensor) -> int:
    """Where the memory begins that a tensor is a view of."""
    return tensor.untyped_storage().data_ptr()


def _is_negative(value: Any) -> bool:
    """Whether a value is a number below 0."""
    return isinstance(value, int | float) and value < 0


def _has_negative(tensor: Tensor) -> bool:
    """Whether a tensor has an element below 0."""
    return tensor.numel() > 0 and bool(tensor.min() < 0)


def moved_input(tensor: Tensor, number: int) -> Tensor:
    """A copy of an input, moved by about one unit; small whole numbers (masks, counts) are kept."""
    if tensor.dtype != torch.float64:
        return tensor.clone()
    moved = tensor.clone()
    _move(moved, number, exact_bits=0)
    return torch.where((tensor == tensor.round()) & (tensor.abs() <= _WHOLE), tensor, moved)


#: Whole numbers up to here are kept: they may be places.
_WHOLE = 4096
#: Of the 52 bits behind a float64's first: if these are zero, what is left is a whole number up to
#: `_WHOLE`, or a simple fraction.
_EXACT_BITS = 40


def _move(tensor: Tensor, number: int, *, exact_bits: int = _EXACT_BITS) -> None:
    """Move each element in place by a unit in the root mean square, up to 1.7 units.

    exact_bits: elements whose last bits, as many, are zero were not rounded, and are kept.
    """
    # What was not rounded has no such bits, so that its product is 0.
    bits = tensor.view(torch.int64) & ((1 << exact_bits) - 1 if exact_bits else -1)
    # The upper bits of such a product look random: as a fraction of 2^63 it is within -1 and 1.
    by = bits.mul_(_factor(number)).double()
    tensor.addcmul_(tensor, by, value=UNIT * 3**0.5 * 2.0**-63)


@cache
def _factor(number: int) -> int:
    """An odd number of 63 bits, for the number of an evaluation."""
    mixed = (number + 1) * 0x9E3779B97F4A7C15
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB
    return (mixed >> 1 | 1) & (2**63 - 1)


@cache
def _rounds(func: Any) -> bool:
    """Whether an operation's result is rounded."""
    return not _moves(func) and _name(func) not in _CHOICES | _ADDS


@cache
def _moves(func: Any) -> bool:
    """Whether an operation's results are numbers as they were."""
    return func.is_view or _name(func) in _MOVES


@cache
def _name(func: Any) -> str:
    """The name of an operation, the same for the one that works in place: "add"."""
    name: str = func._schema.name.partition("::")[2]
    return name[:-1] if name.endswith("_") else name


def _tensors(value: Any) -> Iterable[Tensor]:
    """The tensors of an operation's arguments or results."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
