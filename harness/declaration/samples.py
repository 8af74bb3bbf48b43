"""The samples by which torch tests functions of its own (OpInfo), as an op names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: The name that cases of samples have in the place of an input kind.
KIND = "opinfo"


@dataclass(frozen=True, slots=True)
class Samples:
    """The function of torch that an op is, whose samples are checked as well.

        samples=Samples("nn.functional.conv2d", errors=True)
        samples=Samples("softmax", lambda input, dim: {"x": input} if dim == -1 else None)

    They are used where torch's own tests can be imported, which takes the package expecttest.
    """

    #: As torch's tests name it.
    function: str
    #: Of the arguments of a sample, given as torch's function is: those of the op, and options, by
    #: name; None for a sample that the op doesn't take. One with other options is left out. By
    #: default the arguments in their order, and options of the same names.
    bind: Callable[..., Mapping[str, Any] | None] | None = None
    #: Whether contenders have to raise where torch's function has to.
    errors: bool = False
