"""What fresh memory costs a call: its time with memory that stays with the process.

The allocator gives large blocks back to the system at once, which hands them out anew as pages that
are zeroed at the first touch. Telling it to keep them can't be taken back altogether: afterwards
this process is no longer fit to time others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

from opbench.harness.explaining import alternating
from opbench.harness.explaining.resources import counted
from opbench.results.errors import UnsupportedError

#: Of mallopt(3).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
#: The defaults of glibc, as its manual states them.
_TRIM_DEFAULT, _MMAP_DEFAULT = 128 * 1024, 65536
#: Below so many page faults a call, memory that stays with the process changes nothing.
_FEW_FAULTS = 8.0


def gather(call: Callable[[], object]) -> Iterator[tuple[str, float]]:
    """The figure of a call.

    Raises UnsupportedError, and leaves the process as it is, where the call gets no fresh memory
    or the allocator isn't glibc's.
    """
    faults, _ = counted(call)
    if faults < _FEW_FAULTS:
        raise UnsupportedError("not needed: it gets no fresh memory")
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt") or not hasattr(library, "malloc_trim"):
        raise UnsupportedError("not available: the allocator isn't glibc's")

    def keep() -> None:
        """Let memory stay with the process."""
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)

    def give_back() -> None:
        """Let memory go back to the system, as before."""
        library.mallopt(_MMAP_MAX, _MMAP_DEFAULT)
        library.mallopt(_TRIM_THRESHOLD, _TRIM_DEFAULT)
        library.malloc_trim(0)

    calls = alternating.calls_per_block(call)
    yield "retained_ratio", alternating.ratio(call, calls, give_back, keep)
