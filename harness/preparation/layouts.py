"""How the inputs of a case lie in memory: tensors of the same values, with other strides and gaps.

Between and around the elements lies garbage, the moat: a contender that reads it gives a wrong
answer, and one that writes there is found by comparing it.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from opbench.results.errors import UnsupportedError

#: In the moat of a tensor, by the kind of its elements.
_GARBAGE: Mapping[str, float | int | bool] = {"float": float("nan"), "int": 99, "bool": True}
#: Elements before and after the values of a padded or offset tensor. The first number is odd, so
#: that vectors of elements aren't aligned.
_MOAT = (3, 13)
#: Elements from one row of a far tensor to the next: the second is beyond what 32 bits count.
FAR_APART = 2**31
#: The most rows of a far tensor: its addresses are free, but not without end.
_FAR_ROWS = 64
#: Linux's number of it, which Python 3.11 has no name for.
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)


def laid_out(tensor: Tensor, layout: str) -> Tensor:
    """A tensor of the same values in another memory, laid out in one of the ways of `SAME_VALUES`.

    Input kinds make contiguous tensors, but for those that are about another order of the axes.
    """
    return _LAY[layout](tensor)


def _transposed(tensor: Tensor) -> Tensor:
    """First and last axis swapped in memory."""
    if tensor.ndim < 2:
        return tensor.clone()
    return tensor.transpose(0, -1).contiguous().transpose(0, -1)


def _sliced(tensor: Tensor) -> Tensor:
    """A gap before and after each element."""
    if tensor.ndim == 0:
        return tensor.clone()
    return _moat(tensor, (*tensor.shape[:-1], 2 * tensor.shape[-1] + 1))[..., 1::2].copy_(tensor)


def _padded(tensor: Tensor) -> Tensor:
    """Rows that are part of wider ones."""
    if tensor.ndim == 0:
        return _offset(tensor)
    before, after = _MOAT
    width = tensor.shape[-1]
    wide = _moat(tensor, (*tensor.shape[:-1], before + width + after))
    return wide[..., before : before + width].copy_(tensor)


def _offset(tensor: Tensor) -> Tensor:
    """Contiguous, but not at the start of its storage."""
    before, after = _MOAT
    whole = _moat(tensor, (before + tensor.numel() + after,))
    return whole[before : before + tensor.numel()].view(tensor.shape).copy_(tensor)


_LAY: Mapping[str, Callable[[Tensor], Tensor]] = {
    "contiguous": torch.clone,  # makes expanded tensors and slices contiguous
    "transposed": _transposed,
    "sliced": _sliced,
    "padded": _padded,
    "offset": _offset,
}


def _moat(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A tensor of garbage of another's type."""
    kind = "float" if tensor.is_floating_point() else "int"
    return tensor.new_full(shape, _GARBAGE["bool" if tensor.dtype == torch.bool else kind])


# --- expanded --------------------------------------------------------------------------------


def repeated_axes(tensor: Tensor) -> tuple[int, ...]:
    """The axes along which a tensor repeats its elements without memory for it."""
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return tuple(axis for axis, (size, step) in enumerate(sizes) if size > 1 and step == 0)


def repeated(
    tensors: Sequence[Tensor], accepts: Callable[[Sequence[Tensor]], bool]
) -> list[Tensor]:
    """Each tensor repeated, without memory of its own, along the first axis that allows it.

    accepts: whether the tensors may be those, of which some are repeated. Raises UnsupportedError
    where none of them can be.
    """
    found = list(tensors)
    for place, tensor in enumerate(tensors):
        for axis in range(tensor.ndim):
            if tensor.shape[axis] > 1:
                one = tensor.contiguous().narrow(axis, 0, 1).expand_as(tensor)
                tried = [*found[:place], one, *found[place + 1 :]]
                if accepts(tried):
                    found = tried
                    break
    if all(one is other for one, other in zip(found, tensors, strict=True)):
        raise UnsupportedError("layout expanded: no argument has an axis that may be repeated")
    return found


# --- far -------------------------------------------------------------------------------------


def far_apart(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same tensors; those of two axes and more have their rows far apart.

    Raises UnsupportedError where there are none, or they would take too many addresses.
    """
    if not any(map(_can_be_far, tensors)):
        raise UnsupportedError(
            f"layout far: no argument has two axes, and 2 to {_FAR_ROWS} rows in the CPU's memory"
        )
    return [in_mapped_memory(t) if _can_be_far(t) else t.clone() for t in tensors]


def _can_be_far(tensor: Tensor) -> bool:
    """Whether rows can lie far apart: there are some, not too many, on the CPU."""
    on_cpu = tensor.device.type == "cpu"
    return on_cpu and tensor.ndim > 1 and tensor.numel() > 0 and 2 <= len(tensor) <= _FAR_ROWS


def in_mapped_memory(tensor: Tensor) -> Tensor:
    """A copy with its rows 2^31 elements apart, in memory that is mapped and else never touched.

    Raises UnsupportedError where so many addresses can't be had.
    """
    row = tensor[0].numel()
    size = ((len(tensor) - 1) * FAR_APART + row) * tensor.element_size()
    try:
        # Shared: private memory counts towards the limits of a process, touched or not.
        flags = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | _NO_RESERVE
        memory = mmap.mmap(-1, size, flags=flags)
    except (OSError, AttributeError, ValueError) as error:
        raise UnsupportedError(f"layout far: {size} bytes of addresses: {error}") from error
    strides = (FAR_APART, *tensor[0].contiguous().stride())
    whole = torch.frombuffer(memory, dtype=tensor.dtype)
    return whole.as_strided(tensor.shape, strides).copy_(tensor)
