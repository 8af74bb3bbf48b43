"""Check the names of devices before any work is done. Imports torch for unusual ones only."""

from __future__ import annotations

import re

from opbench.harness.declaration.suggestions import near
from opbench.results.errors import SelectionError

#: Types of devices that torch times work on; for others torch is asked, whose import takes seconds.
_KNOWN = ("cpu", "cuda", "hpu", "mps", "mtia", "xpu")
#: Types of torch that nothing can be timed on, or that have another name.
_UNFIT = {
    "meta": "holds no values, so that nothing can be checked or timed on it",
    "hip": "is called 'cuda' by torch",
    "mkldnn": "is a library of the CPU's: say 'cpu'",
    "lazy": "computes nothing until it is asked to, so that nothing can be timed on it",
    "privateuseone": "stands for a device of somebody's own: give it by its name",
}


def ensure_devices(names: tuple[str, ...]) -> None:
    """Raise SelectionError where a name is none of a device, on this machine or another."""
    for name in names:
        kind, colon, index = name.partition(":")
        if kind in _UNFIT:
            raise SelectionError(f"the device {name!r} {_UNFIT[kind]}")
        if kind not in _KNOWN and not _is_of_torch(kind):
            raise SelectionError(
                f"there is no device {name!r}{near(kind, _KNOWN)}; this machine has {_here()}"
            )
        # Torch keeps the number in a signed byte.
        if colon and not (re.fullmatch("0|[1-9][0-9]{0,2}", index) and int(index) < 128):
            raise SelectionError(f"the device {name!r}: {index!r} is not the number of one")
        if colon and kind == "cpu":
            raise SelectionError(f"the device {name!r}: there is but one of them, 'cpu'")


def _is_of_torch(kind: str) -> bool:
    """Whether torch, with its installed extensions, knows such devices."""
    import torch

    try:
        return torch.device(kind).type == kind and not re.search("[^a-z]", kind)
    except RuntimeError:
        return False


def _here() -> str:
    """The devices of this machine."""
    import torch

    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return "cpu"
    number = torch.accelerator.device_count()
    return ", ".join(("cpu", *(f"{accelerator.type}:{index}" for index in range(number))))
