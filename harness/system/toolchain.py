"""Missing compilers and libraries, read from the error that compiling raised. No torch.

A contender that can't be compiled here is unsupported; one with an error in its own source has
failed. Both arrive as exceptions of torch's compiler, in a chain of wrappers, and differ by
the types and texts in it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

#: By name of an exception of torch's compiler, the reason for which it compiles nothing.
_BY_TYPE = {
    "InvalidCxxCompiler": "needs a C++ compiler, and torch.compile finds none that works: {}",
    "TritonMissing": "needs triton: {}",
    "GPUTooOldForTriton": "needs a newer GPU: {}",
    "TritonPlatformNotSupported": "needs a platform that triton supports: {}",
}
#: By text of an exception that has no type of its own.
_BY_TEXT = (
    ("Failed to find C compiler", "needs a C compiler"),
    ("Ninja is required to load C++ extensions", "needs ninja: pip install ninja"),
    ("CUDA_HOME environment variable is not set", "needs the CUDA toolkit: set CUDA_HOME"),
    ("torch.compile is not supported on", "{}"),
)
#: Exceptions by which torch's compiler wraps all others.
_COMPILING = ("BackendCompilerFailed", "InductorError", "CppCompileError")
#: Messages of a compiler or a linker for which the program isn't to blame: something is missing.
_FATAL = re.compile(
    r".*(fatal error:|cannot find -l|cannot execute|No space left|error while loading shared).*"
)


def missing_toolchain(error: BaseException) -> str | None:
    """The reason for which this machine can't compile; None where that isn't why it raised."""
    chain = tuple(_chain(error))
    for link in chain:
        for kind in type(link).__mro__:
            if kind.__name__ in _BY_TYPE:
                return _BY_TYPE[kind.__name__].format(_first_line(link))
        for text, reason in _BY_TEXT:
            if text in str(link):
                return reason.format(_first_line(link))
    wrapped = any(kind.__name__ in _COMPILING for link in chain for kind in type(link).__mro__)
    return _missing(chain) if wrapped or any(map(_came_of_compiling, chain)) else None


def _missing(chain: tuple[BaseException, ...]) -> str | None:
    """The reason, by the first error that says what is missing; None where none does."""
    for link in chain:
        fatal = _FATAL.search(str(link))
        if fatal is not None:
            return f"can't be compiled here: {fatal.group().strip()[:300]}"
        if isinstance(link, OSError):
            return (
                f"can't be compiled here: {type(link).__name__}: {_first_line(link)} (the compiler "
                "is found by CXX and PATH, its folder is TORCHINDUCTOR_CACHE_DIR)"
            )
    return None


def _came_of_compiling(error: BaseException) -> bool:
    """Whether torch's compiler raised the error, or the standard library that it called."""
    modules = []
    trace = error.__traceback__
    while trace is not None:
        modules.append(str(trace.tb_frame.f_globals.get("__name__", "")))
        trace = trace.tb_next
    others = (m for m in reversed(modules) if m.partition(".")[0] not in sys.stdlib_module_names)
    return next(others, "").startswith(("torch._dynamo", "torch._inductor"))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and its causes."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = getattr(link, "inner_exception", None) or link.__cause__ or link.__context__


def _first_line(error: BaseException) -> str:
    """The first line of what an exception says."""
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
