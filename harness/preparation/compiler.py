"""What torch.compile is up to in this process, without importing it where nobody uses it."""

from __future__ import annotations

import os
import sys


def compilations() -> int:
    """How often anything was compiled so far."""
    utils = sys.modules.get("torch._dynamo.utils")
    return 0 if utils is None else int(utils.counters["frames"]["total"])


def separate_cache() -> None:
    """Have torch.compile cache apart what it compiles for a narrower instruction set than usual.

    What ATEN_CPU_CAPABILITY says is no part of the key by which it finds compiled code again (seen
    with torch 2.13), and code for wider vectors gives wrong results where it is taken for code for
    narrower ones.
    """
    narrower = os.environ.get("ATEN_CPU_CAPABILITY", "")
    if not narrower:
        return
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    # Set by people, by the compiler itself as soon as it is imported, or here before.
    usual = os.environ.get("TORCHINDUCTOR_CACHE_DIR") or default_cache_dir()
    if not usual.endswith(f"_{narrower}"):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{usual}_{narrower}"
