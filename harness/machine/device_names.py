"""The words for devices: which of them are, before anything is done with them. Torch if need be."""

from __future__ import annotations

import re

from opbench.harness.declaration.suggestions import near
from opbench.results.errors import SelectionError

#: Kinds of devices that torch times work on; others are asked of torch itself, which takes seconds.
_KNOWN = ("cpu", "cuda", "hpu", "mps", "mtia", "xpu")
#: Of torch's own, those that hold no values, or stand for another.
_UNFIT = {
    "meta": "holds no values, so that nothing can be checked or timed on it",
    "hip": "is called 'cuda' by torch",
    "mkldnn": "is a library of the CPU's: say 'cpu'",
    "lazy": "computes nothing until it is asked to, so that nothing can be timed on it",
    "privateuseone": "stands for a device of somebody's own: give it by its name",
}


def ensure_devices(words: tuple[str, ...]) -> None:
    """Raise SelectionError where a word is no device, whether this machine has it or not."""
    for word in words:
        kind, colon, index = word.partition(":")
        if kind in _UNFIT:
            raise SelectionError(f"the device {word!r} {_UNFIT[kind]}")
        if kind not in _KNOWN and not _is_of_torch(kind):
            raise SelectionError(
                f"there is no device {word!r}{near(kind, _KNOWN)}; this machine has {_here()}"
            )
        # Torch keeps the number in a signed byte.
        if colon and not (re.fullmatch("0|[1-9][0-9]{0,2}", index) and int(index) < 128):
            raise SelectionError(f"the device {word!r}: {index!r} is not the number of one")
        if colon and kind == "cpu":
            raise SelectionError(f"the device {word!r}: there is but one of them, 'cpu'")


def _is_of_torch(kind: str) -> bool:
    """Whether torch, with what is installed beside it, knows such devices."""
    import torch

    try:
        return torch.device(kind).type == kind and not re.search("[^a-z]", kind)
    except RuntimeError:
        return False


def _here() -> str:
    """The devices of this machine."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None:
        return "cpu"
    number = torch.accelerator.device_count()
    return ", ".join(("cpu", *(f"{found.type}:{index}" for index in range(number))))
