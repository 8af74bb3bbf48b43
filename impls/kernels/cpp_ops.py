"""Make the ops of a compiled C++ source known to torch: their shapes and their gradients."""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from opbench import Unavailable
from opbench.impls.kernels import cpp_build


@dataclass(frozen=True, slots=True)
class Kernel:
    """The registration of one op of a C++ source with torch."""

    #: Of the op's arguments: the tensors that it would return, with their sizes and dtypes but
    #: without data.
    shape: Callable[..., Any]
    #: Of the ops of the source, the context and the outputs' gradients: one gradient, or None, for
    #: every argument. None where the op isn't differentiable.
    backward: Callable[..., Any] | None = None
    #: Of the context, the op's arguments and its output: saves what backward needs.
    keep: Callable[..., None] | None = None


_LOADING = threading.RLock()
_ENTRIES = Path(__file__).with_name("entries.cpp")


def load(source: Path, kernels: Mapping[str, Kernel]) -> SimpleNamespace:
    """The ops of `source`, compiled and registered if need be, by the names of `kernels`.

    Each is resolved once: a call pays for no look-up. Under `quick` are those by which calls enter:
    they go to the kernel at once where nobody differentiates, which saves half of a small call.
    Raises `Unavailable` where it can't be compiled.
    """
    with _LOADING:
        return _loaded(source, tuple(kernels.items()))


def keep(*saved: int, **sizes: tuple[int, int]) -> Callable[..., None]:
    """Keep the inputs number `saved`, and the size (input, axis) under each of the names."""

    def setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*(inputs[index] for index in saved))
        for name, (index, axis) in sizes.items():
            setattr(ctx, name, inputs[index].shape[axis])

    return setup


@functools.cache
def _loaded(source: Path, kernels: tuple[tuple[str, Kernel], ...]) -> SimpleNamespace:
    registrars = {Path(kernel.shape.__code__.co_filename) for _, kernel in kernels}
    library = cpp_build.load(source, registrars=tuple(registrars))
    return _registered(library.namespace, kernels)


@functools.cache
def _registered(namespace: str, kernels: tuple[tuple[str, Kernel], ...]) -> SimpleNamespace:
    # By namespace, since two copies of one source are one library: it registers once.
    registered = getattr(torch.ops, namespace)
    ops = SimpleNamespace(
        namespace=namespace, **{name: getattr(registered, name).default for name, _ in kernels}
    )
    for name, kernel in kernels:
        torch.library.register_fake(f"{namespace}::{name}", kernel.shape)
        if kernel.backward is not None:
            torch.library.register_autograd(
                f"{namespace}::{name}",
                functools.partial(kernel.backward, ops),
                setup_context=kernel.keep,
            )
    ops.quick = SimpleNamespace(
        **{
            name: getattr(ops, name) if kernel.backward is None else _entry(namespace, name)
            for name, kernel in kernels
        }
    )
    return ops


def _entry(namespace: str, name: str) -> Callable[..., Any]:
    """The op by which calls enter that of this name."""
    library = cpp_build.load(_ENTRIES)
    add = ctypes.CDLL(str(library.path)).opbench_add_entry
    add.restype = ctypes.c_char_p
    space = f"{namespace}_entry"
    if (error := add(namespace.encode(), space.encode(), name.encode())) is not None:
        raise Unavailable(f"{namespace}::{name} could not be registered: {error.decode()}")
    entry: Callable[..., Any] = getattr(getattr(torch.ops, space), name).default
    return entry
