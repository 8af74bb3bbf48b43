"""The state of torch.compile in this process, read without importing it where it isn't used."""

from __future__ import annotations

import os
import sys


def compilations() -> int:
    """The number of compilations so far."""
    # Compiled frames, counted by torch itself.
    utils = sys.modules.get("torch._dynamo.utils")
    return 0 if utils is None else int(utils.counters["frames"]["total"])


def separate_cache() -> None:
    """Give torch.compile a cache of its own where a narrower instruction set is set.

    ATEN_CPU_CAPABILITY is no part of the key of its cache (as of torch 2.13), and code for wider
    vectors gives wrong results where it is taken for code for narrower ones.
    """
    narrower = os.environ.get("ATEN_CPU_CAPABILITY", "")
    if not narrower:
        return
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    # Set by the user, by the compiler itself as soon as it is imported, or here before.
    folder = os.environ.get("TORCHINDUCTOR_CACHE_DIR") or default_cache_dir()
    if not folder.endswith(f"_{narrower}"):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{folder}_{narrower}"
