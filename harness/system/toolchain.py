"""What a machine lacks to compile a contender, read from what compiling it raised. No torch."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

#: By the names of torch's exceptions, which only torch's compiler has.
_NAMED = {
    "InvalidCxxCompiler": "needs a C++ compiler, and torch.compile finds none that works: {}",
    "TritonMissing": "needs triton: {}",
    "GPUTooOldForTriton": "needs a newer GPU: {}",
    "TritonPlatformNotSupported": "needs a platform that triton supports: {}",
}
#: What is said where no exception of its own says it.
_SAID = (
    ("Failed to find C compiler", "needs a C compiler"),
    ("Ninja is required to load C++ extensions", "needs ninja: pip install ninja"),
    ("CUDA_HOME environment variable is not set", "needs the CUDA toolkit: set CUDA_HOME"),
    ("torch.compile is not supported on", "{}"),
)
#: Of torch's compiler: around whatever went wrong in it.
_COMPILING = ("BackendCompilerFailed", "InductorError", "CppCompileError")
#: Of a compiler or a linker: it isn't the program that is wrong, but something is missing.
_FATAL = re.compile(
    r".*(fatal error:|cannot find -l|cannot execute|No space left|error while loading shared).*"
)


def lacking(error: BaseException) -> str | None:
    """The reason why this machine can't compile; None where it isn't for that."""
    chain = tuple(_chain(error))
    for link in chain:
        for kind in type(link).__mro__:
            if kind.__name__ in _NAMED:
                return _NAMED[kind.__name__].format(_first_line(link))
        for said, reason in _SAID:
            if said in str(link):
                return reason.format(_first_line(link))
    named = any(kind.__name__ in _COMPILING for link in chain for kind in type(link).__mro__)
    return _missing(chain) if named or any(map(_came_of_compiling, chain)) else None


def _missing(chain: tuple[BaseException, ...]) -> str | None:
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
    """Whether torch's compiler raised it, or the standard library at its bidding."""
    modules = []
    trace = error.__traceback__
    while trace is not None:
        modules.append(str(trace.tb_frame.f_globals.get("__name__", "")))
        trace = trace.tb_next
    others = (m for m in reversed(modules) if m.partition(".")[0] not in sys.stdlib_module_names)
    return next(others, "").startswith(("torch._dynamo", "torch._inductor"))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that led to it."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = getattr(link, "inner_exception", None) or link.__cause__ or link.__context__


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
