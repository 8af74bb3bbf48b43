"""Errors of oneDNN, which convolves for torch on the CPU, on some processors."""

from __future__ import annotations

from collections.abc import Mapping

from opbench import Caveat

#: Newer instruction sets, tried on one processor (AVX512_CORE_AMX) or on none.
_NEWER = ("AVX512_CORE_FP16", "AVX512_CORE_AMX", "AVX512_CORE_AMX_FP16")


def _shows(dtype: str, device: str, machine: Mapping[str, str]) -> bool | None:
    """Seen on an AMD EPYC with AVX512_BF16; neither there nor on an Intel Xeon with less."""
    if dtype != "bfloat16":
        return False
    isa = machine.get("onednn_isa", "")
    if device != "cpu" or isa in _NEWER:
        return None
    return isa == "AVX512_CORE_BF16"


#: Of a convolution of channels last.
LEAKS_IN_BFLOAT16 = Caveat(
    "in bfloat16, where the processor has AVX512_BF16, NaN reaches other outputs", _shows
)


def _may_show_with_tiles(dtype: str, device: str, machine: Mapping[str, str]) -> bool | None:
    """Seen in a case or two on an Intel Xeon with AMX; nowhere on processors with less."""
    if dtype != "bfloat16":
        return False
    return None if device != "cpu" or machine.get("onednn_isa", "") in _NEWER else False


#: Of products and of convolutions of contiguous memory.
MAY_LEAK_WITH_AMX = Caveat(
    "in bfloat16, where the processor has AMX, NaN may reach other outputs", _may_show_with_tiles
)
