"""What an operator is for, by its name and by what called it."""

from __future__ import annotations

from typing import Literal

from opbench.results.explaining.parts import Part

#: What an operator is for; "compute" is all that the others aren't.
Family = Literal[
    "copy", "conversion", "allocation", "synchronisation", "scatter", "view", "compute"
]

_SYNCHRONISING = ("aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero")
_CONVERTING = ("aten::_to_copy", "aten::to", "aten::type_as")
_COPYING = ("aten::clone", "aten::contiguous", "aten::copy_", "aten::repeat", "aten::cat")
_ALLOCATING = (
    "aten::empty",
    "aten::empty_strided",
    "aten::empty_like",
    "aten::zeros",
    "aten::zeros_like",
    "aten::new_zeros",
    "aten::new_empty",
    "aten::ones",
    "aten::ones_like",
    "aten::full",
    "aten::full_like",
    "aten::fill_",
    "aten::zero_",
)
_SCATTERING = (
    "aten::index_add_",
    "aten::index_add",
    "aten::scatter_add_",
    "aten::scatter_add",
    "aten::scatter_reduce",
    "aten::scatter_reduce_",
    "aten::index_put_",
    "aten::index_put",
    "aten::_index_put_impl_",
    "aten::index_reduce_",
    "aten::bincount",
)
_VIEWING = (
    "aten::view",
    "aten::_unsafe_view",
    "aten::reshape",
    "aten::as_strided",
    "aten::select",
    "aten::slice",
    "aten::narrow",
    "aten::t",
    "aten::transpose",
    "aten::permute",
    "aten::expand",
    "aten::unsqueeze",
    "aten::squeeze",
    "aten::split",
    "aten::chunk",
    "aten::unbind",
    "aten::detach",
    "aten::alias",
    "aten::resolve_conj",
    "aten::resolve_neg",
    "aten::lift_fresh",
    "aten::unfold",
)


def family_of(part: Part) -> Family:
    """What an operator is for. What it calls in turn belongs to it: a copy's memory is the copy."""
    chain = part.chain
    if any(name in _SYNCHRONISING for name in chain):
        return "synchronisation"
    if any(name in _SCATTERING for name in chain):
        return "scatter"
    if any(name in _CONVERTING for name in chain) or _converts(part):
        return "conversion"
    if any(name in _COPYING for name in chain):
        return "copy"
    if chain[0] in _ALLOCATING:
        return "allocation"
    return "view" if part.use.name in _VIEWING else "compute"


def _converts(part: Part) -> bool:
    """Whether an operator copies into another dtype."""
    return part.use.name == "aten::copy_" and len(set(part.use.dtypes)) > 1
