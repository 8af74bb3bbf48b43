"""From a declared contender to a callable that is ready to be called, outside any timed region.

Imports, compiling and preparing happen here. What a contender lacks (a module, a compiler, an
option, a dtype) is an UnsupportedError with its reason; a target that doesn't exist is a
DeclarationError.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from opbench.harness.declaration.named_arguments import is_default
from opbench.harness.declaration.signatures import accepts
from opbench.harness.declare import Impl, Op, board_of
from opbench.harness.preparation.compiler import separate_cache
from opbench.results.errors import DeclarationError, UnsupportedError
from opbench.results.records import Case

#: Files beside a target that its fingerprint covers.
_SOURCE_SUFFIXES = {".py", ".cpp", ".h", ".cu", ".cuh"}


def bind_arguments(
    op: Op, args: tuple[object, ...], options: Mapping[str, object]
) -> dict[str, Any]:
    """Arguments and options by name, with defaults filled in. Raises TypeError as a call would."""
    try:
        bound = inspect.signature(op.oracle).bind(*args, **options)
    except TypeError as error:
        signature = ", ".join((*op.arguments, *(f"{name}=" for name in op.options)))
        raise TypeError(f"{op.name}: {error}; it takes ({signature})") from error
    bound.apply_defaults()
    return dict(bound.arguments)


def ensure_supported(
    op: Op, contender: Impl, values: Mapping[str, Any], case: Case | None = None
) -> None:
    """Raise UnsupportedError, with the reason, where `contender` can't run on these values.

    case: says the pass and the output mode; where None, a forward pass in the contender's own mode.
    """
    ensure_installed(contender)
    values = {**op.defaults, **values}
    call = {
        "direction": case.direction if case else "forward",
        "board": case.board if case else board_of(op, contender),
    }
    reason = contender.supports.refusal({**values, **_traits(values), **call})
    if reason is not None:
        raise UnsupportedError(reason)
    for name, default in op.defaults.items():
        if not is_default(values[name], default) and not accepts(contender.function, name):
            raise UnsupportedError(f"has no option {name}")


def ensure_installed(contender: Impl) -> None:
    """Raise UnsupportedError where a module that the contender requires is not installed."""
    for module in contender.requires:
        # The package alone: to find a submodule would import it.
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            raise UnsupportedError(f"needs {module}: pip install {module.partition('.')[0]}")


def resolve(contender: Impl) -> Callable[..., Any]:
    """The function that runs: with the target imported and the preparation applied.

    Raises UnsupportedError where a required module is missing, DeclarationError where the target or
    the preparation doesn't exist.
    """
    ensure_installed(contender)
    function = contender.function
    if contender.parts:
        function = functools.partial(function, *map(resolve, contender.parts))
    if contender.target is not None:
        function = _attribute(contender, contender.target)
    if contender.prepare is None:
        return function
    prepare = contender.prepare
    if isinstance(prepare, str):
        prepare = _attribute(contender, prepare)
    # Before anything is compiled.
    separate_cache()
    prepared: Callable[..., Any] = prepare(function)
    return prepared


def fingerprint(contender: Impl) -> str:
    """A hash of the contender's source: its own lines, and for a target all sources beside it.

    That of a composed one is of its parts as well.
    """
    digest = hashlib.sha256(source_of(contender.function).encode())
    for part in contender.parts:
        digest.update(fingerprint(part).encode())
    for path in _sources_beside(contender.target):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def is_compiled(contender: Impl) -> bool:
    """Whether a contender takes a compiler: it is prepared, Triton's, or C++ lies at its target."""
    sources = _sources_beside(contender.target)
    is_kernel = any(path.suffix != ".py" for path in sources)
    own = contender.prepare is not None or "triton" in contender.requires or is_kernel
    return own or any(map(is_compiled, contender.parts))


def _sources_beside(target: str | None) -> list[Path]:
    """The sources in the folder of a target: helpers are as much a part of it as its own file."""
    spec = importlib.util.find_spec(target.partition(":")[0]) if target is not None else None
    if spec is None or spec.origin is None:
        return []
    return [p for p in sorted(Path(spec.origin).parent.iterdir()) if p.suffix in _SOURCE_SUFFIXES]


def source_of(function: Callable[..., Any]) -> str:
    """The source of a function; its type and name where it has none (a builtin, TorchScript)."""
    while isinstance(function, functools.partial):
        function = function.func
    for candidate in (function, type(function)):
        with contextlib.suppress(TypeError, OSError):
            return inspect.getsource(candidate)
    return f"{type(function).__qualname__} {getattr(function, '__qualname__', '')}"


def _attribute(contender: Impl, text: str) -> Any:
    """Import "module:attribute". Raises DeclarationError where it doesn't exist."""
    module, _, name = text.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DeclarationError(
            f"contender {contender.name!r} of {contender.op!r} ({contender.origin}): "
            f"{text!r} cannot be resolved: {error}"
        ) from error


def _traits(values: Mapping[str, Any]) -> dict[str, str]:
    """The dtype and device of the arguments: of the first floating-point tensor, or the first."""
    # Here, so that listing doesn't import it.
    import torch

    tensors = [value for value in values.values() if isinstance(value, torch.Tensor)]
    first = next((tensor for tensor in tensors if tensor.is_floating_point()), None)
    first = first if first is not None else next(iter(tensors), None)
    if first is None:
        return {"dtype": "none", "device": "cpu"}
    return {"dtype": str(first.dtype).removeprefix("torch."), "device": str(first.device)}
