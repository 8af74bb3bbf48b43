"""The pieces of global state of torch and Python: how each is read, written back and shown.

The order matters: modes are restored first, as they would see the restoring of all that follows.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import overrides
from torch.utils import _device, _python_dispatch, deterministic

_NORMAL, _DENORMAL = sys.float_info.min, 5e-324  # the smallest ones
#: A leaked inference mode can only be covered by another, which ends when it is collected.
_INFERENCE_GUARDS: list[torch.inference_mode] = []
_PARTS = [(b, p) for b in ("cuda", "mkldnn") for p in ("all", "matmul", "conv", "rnn")]
_PRECISIONS = (("generic", "all"), *_PARTS)  # the others inherit from the first
_SDP = ("flash", "mem_efficient", "math", "cudnn")
_MODES: Any = overrides  # torch left these functions without types
_DISPATCH: Any = _python_dispatch


@dataclass(frozen=True, slots=True)
class StateItem:
    """One piece of global state."""

    #: Its name in messages.
    name: str
    #: Returns its value now.
    read: Callable[[], Any]
    #: Puts a value back; where it refuses, the change is reported as one that stays.
    write: Callable[[Any], object]
    #: A value, in words.
    show: Callable[[Any], str] = str


def state_items() -> Iterator[StateItem]:
    """Every piece of state, in the order in which it must be put back."""
    yield from _ITEMS
    accelerator = torch.accelerator.current_accelerator()
    for device in ("cpu",) if accelerator is None else ("cpu", accelerator.type):
        yield _autocast(device)


def _autocast(device: str) -> StateItem:
    """The autocast settings of a kind of device."""

    def read() -> dict[str, Any]:
        """Whether autocast is on, and its dtype."""
        enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
        return {"enabled": enabled, "dtype": dtype}

    def write(values: Mapping[str, Any]) -> None:
        """Set both, and drop the casts of weights that are cached."""
        torch.set_autocast_enabled(device, values["enabled"])
        torch.set_autocast_dtype(device, values["dtype"])
        torch.clear_autocast_cache()  # a scope that was never left keeps its casts of weights

    return StateItem(f"autocast on {device}", read, write)


def _function_modes() -> tuple[object, ...]:
    """The active torch-function modes; for that of a default device, the device."""
    # Not by torch.get_default_device: that may draw a tensor, and cannot tell "cpu" set on
    # purpose, which makes every call of torch slower, from none set.
    stack = _MODES._get_current_function_mode_stack()
    return tuple(m.device if isinstance(m, _device.DeviceContext) else m for m in stack)


def _set_function_modes(modes: tuple[Any, ...]) -> None:
    """Replace the active torch-function modes."""
    # A device that was entered as a context and never left is unknown to set_default_device,
    # which stumbles over it: the stack is emptied before and after.
    for _ in _function_modes():
        _MODES._pop_mode()
    torch.set_default_device(None)
    for _ in _function_modes():
        _MODES._pop_mode()
    _device.CURRENT_DEVICE = None
    for mode in modes:
        if isinstance(mode, torch.device):
            torch.set_default_device(mode)
        else:
            _MODES._push_mode(mode)


def _dispatch_modes() -> tuple[object, ...]:
    """The active dispatch modes, the innermost last."""
    return tuple(_DISPATCH._get_current_dispatch_mode_stack())


def _set_dispatch_modes(modes: tuple[Any, ...]) -> None:
    """Replace the active dispatch modes."""
    for _ in _dispatch_modes():
        _DISPATCH._pop_mode()
    for mode in modes:
        _DISPATCH._push_mode(mode)


def _is_torn() -> bool:
    """Whether operators go to Python where no mode waits for them: each then fails.

    An inference mode that ends late leaves a thread so, where it began below a dispatch mode.
    """
    included = torch._C._dispatch_tls_is_dispatch_key_included(torch._C.DispatchKey.Python)
    return bool(included) and not _dispatch_modes()


def _set_torn(value: bool) -> None:
    """Let operators go to Python, or not, whatever modes there are."""
    for key in (torch._C.DispatchKey.Python, torch._C.DispatchKey.PythonTLSSnapshot):
        torch._C._dispatch_tls_set_dispatch_key_included(key, value)


def _show_modes(modes: tuple[object, ...]) -> str:
    """Names of modes, by commas."""
    shown = (str(m) if isinstance(m, torch.device) else type(m).__name__ for m in modes)
    return ", ".join(shown) or "none"


def _set_inference(value: bool) -> None:
    """Enter inference mode or its opposite; the guard is kept, as leaving is not possible."""
    _INFERENCE_GUARDS.append(torch.inference_mode(value))
    _INFERENCE_GUARDS[-1].__enter__()


def _deterministic() -> str:
    """How deterministic algorithms are enforced: off, warning, on."""
    return ("off", "warning", "on")[torch.get_deterministic_debug_mode()]


def _set_deterministic(value: str) -> None:
    """Enforce deterministic algorithms: off, warning, on."""
    # Not by the debug mode: only this one also reaches torch.compile.
    torch.use_deterministic_algorithms(value != "off", warn_only=value == "warning")


def _anomaly() -> str:
    """How autograd's anomaly detection is set: off, on, on without NaN."""
    checked = "on" if torch.is_anomaly_check_nan_enabled() else "on without NaN"
    return checked if torch.is_anomaly_enabled() else "off"


def _set_anomaly(value: str) -> None:
    """Set autograd's anomaly detection: off, on, on without NaN."""
    torch.autograd.set_detect_anomaly(value != "off", check_nan=value != "on without NaN")


def _flushes_denormals() -> bool:
    """Whether denormals are flushed, by Python's own arithmetic, which no mode sees.

    It uses the same register of the thread as torch's.
    """
    return _NORMAL * 0.5 == 0 or _DENORMAL * 2.0**60 == 0


def _precision() -> dict[str, Any]:
    """The precisions by both of torch's interfaces, which must not contradict each other."""
    old = {"matmul": torch.get_float32_matmul_precision, "tf32": torch._C._get_cudnn_allow_tf32}
    new = {f"{b}.{p}": torch._C._get_fp32_precision_getter(b, p) for b, p in _PRECISIONS}
    return {name: _unless_mixed(read) for name, read in old.items()} | new


def _unless_mixed(read: Callable[[], object]) -> object:
    """The value of an older interface; "mixed" if the newer one contradicts it."""
    try:
        return read()
    except RuntimeError:  # the newer interface was used behind the older one's back
        return "mixed"


def _set_precision(values: Mapping[str, Any]) -> None:
    """Set the precisions by both interfaces, the older one first."""
    if values["matmul"] != "mixed":  # the older interface first: it writes through to the parts
        torch.set_float32_matmul_precision(values["matmul"])
    if values["tf32"] != "mixed":
        torch._C._set_cudnn_allow_tf32(values["tf32"])
    for backend, part in _PRECISIONS:
        value = values[f"{backend}.{part}"]
        if torch._C._get_fp32_precision_getter(backend, part) != value:
            torch._C._set_fp32_precision_setter(backend, part, value)


def _sdp_kernels() -> dict[str, bool]:
    """By kernel of scaled dot-product attention, whether it is enabled."""
    return {name: getattr(torch.backends.cuda, f"{name}_sdp_enabled")() for name in _SDP}


def _set_sdp_kernels(values: Mapping[str, bool]) -> None:
    """Enable or disable the kernels of scaled dot-product attention."""
    for name, value in values.items():
        getattr(torch.backends.cuda, f"enable_{name}_sdp")(value)


def _flags(name: str, module: Any, *names: str) -> StateItem:
    """An item of several boolean attributes of a module."""

    def write(values: Mapping[str, bool]) -> None:
        """Set the attributes."""
        for flag, value in values.items():
            setattr(module, flag, value)

    return StateItem(name, lambda: {flag: getattr(module, flag) for flag in names}, write)


def _folder() -> str:
    """The working directory; "a removed one" if it no longer exists."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "a removed one"


def _cores() -> tuple[int, ...]:
    """The cores that this thread may run on; none where the system cannot tell."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


#: Modes first, so that they see nothing of what follows; inference mode sets grad mode.
_ITEMS = (
    StateItem("the dispatch modes", _dispatch_modes, _set_dispatch_modes, _show_modes),
    StateItem("the dispatch of operators without a mode", _is_torn, _set_torn),
    StateItem("the default device or modes", _function_modes, _set_function_modes, _show_modes),
    StateItem("inference mode", torch.is_inference_mode_enabled, _set_inference),
    StateItem("grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    StateItem("the default dtype", torch.get_default_dtype, torch.set_default_dtype),
    StateItem("the number of threads", torch.get_num_threads, torch.set_num_threads),
    # torch lets it be set once, before its first use.
    StateItem("inter-op threads", torch.get_num_interop_threads, torch.set_num_interop_threads),
    StateItem("deterministic algorithms", _deterministic, _set_deterministic),
    _flags("deterministic memory", deterministic, "fill_uninitialized_memory"),
    StateItem("the precision of float32", _precision, _set_precision),
    StateItem("the kernels of attention", _sdp_kernels, _set_sdp_kernels),
    StateItem("anomaly mode", _anomaly, _set_anomaly),
    StateItem("the flushing of denormals", _flushes_denormals, torch.set_flush_denormal),
    _flags("cuDNN", torch.backends.cudnn, "enabled", "benchmark", "deterministic"),
    _flags("oneDNN", torch.backends.mkldnn, "enabled", "deterministic"),
    StateItem("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    StateItem("the switch interval", sys.getswitchinterval, sys.setswitchinterval),
    StateItem("the tracer", sys.gettrace, sys.settrace),
    StateItem("the profiler", sys.getprofile, sys.setprofile),
    StateItem("garbage collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    StateItem(
        "the thresholds of garbage collection", gc.get_threshold, lambda t: gc.set_threshold(*t)
    ),
    StateItem("the working directory", _folder, os.chdir),
    StateItem("the cores to run on", _cores, lambda cores: os.sched_setaffinity(0, cores)),
)
