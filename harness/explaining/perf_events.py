"""Events that the kernel and the processor count, by perf_event_open(2), which is tried first.

A profiler that is asked for an event that isn't there leaves the process broken, so it is never
asked before the event has been opened here, and only in a child process.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct
from collections.abc import Callable, Iterator

from opbench.results.errors import UnsupportedError

#: The number of the system call, by machine.
_SYSCALL = {"x86_64": 298, "aarch64": 241}
_HARDWARE, _SOFTWARE = 0, 1
#: Numbers of events, as linux/perf_event.h has them.
PAGE_FAULTS = (_SOFTWARE, 2)
_COUNTED = {
    "cycles": (_HARDWARE, 0),
    "instructions": (_HARDWARE, 1),
    "cache_misses": (_HARDWARE, 3),
}
#: Disabled at first, without the kernel and the hypervisor, which takes no privilege.
_FLAGS = 1 | 1 << 5 | 1 << 6
_ENABLE, _DISABLE, _RESET = 0x2400, 0x2401, 0x2403
_SIZE = 112


def ensure_countable(event: tuple[int, int]) -> None:
    """Raise UnsupportedError, with the reason, where the kernel doesn't count an event."""
    os.close(_opened(*event))


def counters(call: Callable[[], object], calls: int) -> Iterator[tuple[str, float]]:
    """What the processor counts in this thread, per call.

    Threads of a pool count for themselves, so that of a call with several this is a part. Raises
    UnsupportedError without a PMU, or where its use isn't permitted.
    """
    for name, event in _COUNTED.items():
        descriptor = _opened(*event)
        try:
            yield name, _counted(descriptor, call, calls) / calls
        finally:
            os.close(descriptor)


def _counted(descriptor: int, call: Callable[[], object], calls: int) -> int:
    """How often an open event happened during some calls."""
    fcntl.ioctl(descriptor, _RESET, 0)
    fcntl.ioctl(descriptor, _ENABLE, 0)
    for _ in range(calls):
        call()
    fcntl.ioctl(descriptor, _DISABLE, 0)
    return int(struct.unpack("q", os.read(descriptor, 8))[0])


def _opened(kind: int, number: int) -> int:
    """The descriptor of an event of this thread, to be closed.

    Raises UnsupportedError, with the kernel's reason, where it can't be had.
    """
    syscall = _SYSCALL.get(platform.machine())
    if syscall is None:
        raise UnsupportedError(f"not available: no perf events known on {platform.machine()}")
    attributes = struct.pack("IIQQQQQ", kind, _SIZE, number, 0, 0, 0, _FLAGS).ljust(_SIZE, b"\0")
    buffer = ctypes.create_string_buffer(attributes, _SIZE)
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = int(library.syscall(syscall, buffer, 0, -1, -1, 0))
    if descriptor < 0:
        raise UnsupportedError(_refusal(ctypes.get_errno(), kind))
    return descriptor


def _refusal(code: int, kind: int) -> str:
    """Why an event can't be counted, in words."""
    if kind == _HARDWARE and code in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
        return "not available: no PMU"
    if code in (errno.EACCES, errno.EPERM):
        return "not available: perf_event_open is not permitted here"
    return f"not available: perf_event_open says {os.strerror(code)}"
