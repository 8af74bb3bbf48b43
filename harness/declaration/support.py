"""Predicates that say which cases a contender supports, and for what reason not others.

A predicate names what it needs to know of a case and gets that alone. Contenders that refuse a case
are `Unsupported` on it, with the predicate's reason; they are neither checked nor timed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opbench.harness.declaration.named_arguments import (
    NamedCallable,
    call_named,
    parameter_names,
)


@dataclass(frozen=True, slots=True)
class Support:
    """Predicates of a case, each with the reason for which it refuses one; made by `supported`.

        supports=cpu & floating

    The first that fails gives the reason.
    """

    #: Each predicate and its reason.
    tests: tuple[tuple[NamedCallable, str], ...]

    def __and__(self, other: Support) -> Support:
        return Support(self.tests + other.tests)

    def names(self) -> set[str]:
        """Every name that the predicates ask for."""
        return {name for test, _ in self.tests for name in parameter_names(test)}

    def refusal(self, values: Mapping[str, object]) -> str | None:
        """The reason for which `values`, by name, are not supported; None where they are."""
        for test, reason in self.tests:
            if not call_named(test, values):
                return reason
        return None


def supported(reason: str) -> Callable[[NamedCallable], Support]:
    """Make a `Support` of a predicate.

        @supported("takes an even number of columns")
        def even(x):
            return x.shape[1] % 2 == 0

    The predicate may name the op's arguments and options, `dtype` and `device` (both strings),
    `direction` ("forward", "backward" or "both") and `board` (the output mode).
    reason: shown for each case that it refuses.
    """

    def wrap(test: NamedCallable) -> Support:
        """The predicate with its reason, as a condition."""
        return Support(((test, reason),))

    return wrap


cpu = supported("runs on the CPU only")(lambda device: device == "cpu")
cuda = supported("runs on CUDA devices only")(lambda device: device.split(":")[0] == "cuda")
#: For Triton kernels: the interpreter runs them on the CPU, to be checked and never to be timed.
triton_device = supported("runs on CUDA devices only (TRITON_INTERPRET=1 checks it on the CPU)")(
    lambda device: device.split(":")[0] == "cuda" or interprets_triton()
)
floating = supported("takes floating-point inputs only")(lambda dtype: "float" in dtype)
forward_only = supported("has no gradient")(lambda direction: direction == "forward")


def interprets_triton() -> bool:
    """Whether Triton kernels run in Triton's interpreter in this process."""
    # As triton reads it, which isn't imported for that.
    return os.environ.get("TRITON_INTERPRET") == "1"
