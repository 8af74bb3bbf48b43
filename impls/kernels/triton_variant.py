"""Options that all Triton kernels share, and variants to be compiled ahead of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Whether a product and a sum may become one operation: said at every launch, since triton's
# default changes and warns. Only matrix products gain by it.
OPTIONS: Mapping[str, Any] = {"enable_fp_fusion": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to compile a kernel ahead of time."""

    name: str
    kernel: Any
    #: By argument; `*T` points to the element type, `*W` to the type of its sums.
    signature: Mapping[str, str]
    #: The values of arguments that are constants.
    constants: Mapping[str, Any]
    #: Of the launch.
    options: Mapping[str, Any]

    def signature_of(self, element: str) -> dict[str, str]:
        """The signature for tensors of triton's `element` type, such as `fp32` or `bf16`."""
        names = {"*T": f"*{element}", "*W": "*fp64" if element == "fp64" else "*fp32"}
        return {name: names.get(kind, kind) for name, kind in self.signature.items()}


def variant(
    name: str,
    kernel: Any,
    pointers: Mapping[str, str],
    options: Mapping[str, Any] = OPTIONS,
    /,
    **constants: Any,
) -> Variant:
    """A `Variant` whose arguments are `pointers`, `constants`, and 64-bit integers besides."""
    signature = {
        argument: pointers.get(argument, "constexpr" if argument in constants else "i64")
        for argument in kernel.arg_names
    }
    return Variant(
        name=name, kernel=kernel, signature=signature, constants=constants, options=options
    )
