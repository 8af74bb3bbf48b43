"""Every piece of state is seen when it changes, named, and put back."""

import gc
import os
import sys
import time
import timeit
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from opbench.harness.execution import process_state

KEPT = []


@pytest.fixture(autouse=True)
def _leave_no_trace():
    before = process_state.read()
    yield
    KEPT.clear()
    gc.collect()
    process_state.restore(before)


class Seen(TorchFunctionMode):
    """A mode that does nothing but be there."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class Dispatched(TorchDispatchMode):
    """The same, one level below."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def leak(context):
    """Enter and never leave."""
    KEPT.append(context)
    context.__enter__()


def toggle(module, flag):
    return lambda: setattr(module, flag, not getattr(module, flag))


def new_cores():
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("there is but one core")
    os.sched_setaffinity(0, cores[:1])


def trace(*_):
    return None


CHANGES = {
    "threads": (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "number of threads"),
    "dtype": (lambda: torch.set_default_dtype(torch.float64), "default dtype"),
    "device": (lambda: torch.set_default_device("meta"), "device or modes (none -> meta)"),
    "device on purpose": (lambda: torch.set_default_device("cpu"), "device or modes (none -> cpu)"),
    "device entered": (lambda: leak(torch.device("meta")), "device or modes (none -> meta)"),
    "function mode": (lambda: leak(Seen()), "device or modes (none -> Seen)"),
    "dispatch mode": (lambda: leak(Dispatched()), "dispatch modes (none -> Dispatched)"),
    "grad": (lambda: torch.set_grad_enabled(False), "grad mode (True -> False)"),
    "grad scope": (lambda: leak(torch.no_grad()), "grad mode (True -> False)"),
    "torn": (
        lambda: torch._C._dispatch_tls_set_dispatch_key_included(torch._C.DispatchKey.Python, True),
        "the dispatch of operators without a mode (False -> True)",
    ),
    "inference": (lambda: leak(torch.inference_mode()), "inference mode (False -> True)"),
    "autocast": (
        lambda: leak(torch.autocast("cpu", dtype=torch.float16)),
        "cpu (dtype torch.bfloat16 -> torch.float16, enabled False -> True)",
    ),
    "deterministic": (
        lambda: torch.use_deterministic_algorithms(True),
        "deterministic algorithms (off -> on)",
    ),
    "warn only": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        "deterministic algorithms (off -> warning)",
    ),
    "fill": (
        toggle(torch.utils.deterministic, "fill_uninitialized_memory"),
        "fill_uninitialized_memory True -> False",
    ),
    "matmul": (lambda: torch.set_float32_matmul_precision("medium"), "matmul highest -> medium"),
    "matmul of a part": (
        lambda: setattr(torch.backends.mkldnn.matmul, "fp32_precision", "bf16"),
        "matmul highest -> mixed, mkldnn.matmul none -> bf16",
    ),
    "matmul of all": (
        lambda: setattr(torch.backends, "fp32_precision", "tf32"),
        "generic.all none -> tf32",
    ),
    "tf32": (toggle(torch.backends.cudnn, "allow_tf32"), "cuda.conv tf32 -> none"),
    "attention": (lambda: torch.backends.cuda.enable_flash_sdp(False), "flash True -> False"),
    "anomaly": (lambda: torch.autograd.set_detect_anomaly(True), "anomaly mode (off -> on)"),
    "anomaly without NaN": (
        lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
        "anomaly mode (off -> on without NaN)",
    ),
    "cudnn": (toggle(torch.backends.cudnn, "enabled"), "cuDNN (enabled True -> False)"),
    "cudnn benchmark": (toggle(torch.backends.cudnn, "benchmark"), "benchmark False -> True"),
    "cudnn deterministic": (toggle(torch.backends.cudnn, "deterministic"), "cuDNN (deterministic"),
    "mkldnn": (toggle(torch.backends.mkldnn, "enabled"), "oneDNN (enabled True -> False)"),
    "denormals": (lambda: torch.set_flush_denormal(True), "flushing of denormals (False -> True)"),
    "recursion": (lambda: sys.setrecursionlimit(5000), "recursion limit"),
    "switch": (lambda: sys.setswitchinterval(0.5), "switch interval"),
    "tracer": (lambda: sys.settrace(trace), "the tracer"),
    "profiler": (lambda: sys.setprofile(trace), "the profiler"),
    "collection": (gc.disable, "garbage collection (True -> False)"),
    "collection's thresholds": (lambda: gc.set_threshold(9, 9, 9), "thresholds of garbage"),
    "folder": (lambda: os.chdir("/"), "working directory"),
    "cores": (new_cores, "cores to run on"),
    "variable added": (lambda: os.environ.update(OPB_NEW="1"), "environment variable OPB_NEW"),
    "variable changed": (lambda: os.environ.update(OPB_OLD="2"), "environment variable OPB_OLD"),
    "variable removed": (lambda: os.environ.pop("OPB_OLD"), "environment variable OPB_OLD"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named_and_put_back(name, monkeypatch):
    monkeypatch.setenv("OPB_OLD", "1")
    change, reported = CHANGES[name]
    before = process_state.read()
    change()
    assert process_state.read() != before
    changed = process_state.restore(before)
    assert any(reported in text for text in changed), changed
    assert not any("could not" in text for text in changed), changed
    assert process_state.read() == before
    assert process_state.restore(before) == ()


def test_every_piece_is_changed_by_some_test(monkeypatch):
    monkeypatch.setenv("OPB_OLD", "1")
    before = process_state.read()
    seen = set()
    for name, (change, _) in CHANGES.items():
        if name != "cores":
            change()
            now = process_state.read().values
            seen |= {key for key, value in now.items() if value != before.values[key]}
            process_state.restore(before)
    accelerator = torch.accelerator.current_accelerator()
    alike = {f"autocast on {accelerator.type}"} if accelerator else set()
    assert before.values.keys() - seen == {"the cores to run on", "inter-op threads"} | alike


def test_values_are_shown_except_those_of_variables(monkeypatch):
    monkeypatch.delenv("OPB_SECRET", raising=False)
    before = process_state.read()
    torch.set_default_dtype(torch.float64)
    os.environ["OPB_SECRET"] = "hunter2"
    assert process_state.restore(before) == (
        "the default dtype (torch.float32 -> torch.float64)",
        "the environment variable OPB_SECRET",
    )


def test_nothing_changed():
    before = process_state.read()
    assert process_state.read() == before
    assert process_state.restore(before) == ()


def test_drawing_random_numbers_is_no_change():
    before = process_state.read()
    torch.rand(3)
    torch.manual_seed(1)
    assert process_state.restore(before) == ()


def test_changes_by_torch_compile_are_no_contenders_fault(monkeypatch):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    sys.setrecursionlimit(1500)
    before = process_state.read()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/tmp/somewhere")
    sys.setrecursionlimit(2000)
    assert process_state.restore(before) == ()
    assert sys.getrecursionlimit() == 2000
    sys.setrecursionlimit(1400)
    assert process_state.restore(before) == ("the recursion limit (1500 -> 1400)",)


def test_states_are_nested():
    outer = process_state.read()
    torch.set_num_threads(3)
    torch.set_default_device("meta")
    inner = process_state.read()
    torch.set_num_threads(4)
    torch.set_default_device(None)
    leak(Seen())
    assert len(process_state.restore(inner)) == 2
    assert torch.get_num_threads() == 3
    assert torch.empty(1).device.type == "meta"
    assert len(process_state.restore(outer)) == 2
    assert torch.get_default_device().type == "cpu"
    assert process_state.read() == outer


def test_a_mode_that_was_there_comes_back():
    mode = Seen()
    with mode:
        before = process_state.read()
        torch.overrides._pop_mode()
        assert process_state.restore(before) == ("the default device or modes (Seen -> none)",)
        assert process_state.read() == before


def test_grad_mode_survives_a_leaked_inference_mode():
    with torch.no_grad():
        before = process_state.read()
        leak(torch.inference_mode())
        assert process_state.restore(before) == ("inference mode (False -> True)",)
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert torch.ones(1, requires_grad=True).mul(2).requires_grad


def test_a_change_that_stays_is_named():
    torch.ones(1000).sum()
    now = process_state.read()
    # torch sets its inter-op threads once; to see it changed, the past is what must be made up.
    threads = torch.get_num_interop_threads()
    torch_refuses = replace(now, values={**now.values, "inter-op threads": threads + 1})
    try:
        torch.set_num_interop_threads(threads)
    except RuntimeError:
        pass  # what came first in this process has set it
    assert process_state.restore(torch_refuses) == (
        f"inter-op threads ({threads + 1} -> {threads}), which could not be put back",
    )


def test_a_folder_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    before = process_state.read()
    os.chdir(tmp_path)
    gone.rmdir()
    (reported,) = process_state.restore(before)
    assert reported == f"the working directory ({gone} -> {tmp_path}), which could not be put back"
    assert Path.cwd() == tmp_path


def test_the_folder_one_is_in_was_removed(tmp_path):
    before = process_state.read()
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    (reported,) = process_state.restore(before)
    assert reported.endswith("-> a removed one)")
    assert process_state.read() == before


@given(st.sets(st.sampled_from(sorted(CHANGES)), max_size=6), st.randoms(use_true_random=False))
def test_changes_do_not_hide_each_other(names, rng):
    os.environ["OPB_OLD"] = "1"
    before = process_state.read()
    ordered = sorted(names - {"cores", "variable removed"})
    if "device entered" in names:
        # torch itself stumbles over a default that is set before and after.
        ordered = [name for name in ordered if name != "device on purpose"]
    rng.shuffle(ordered)
    try:
        for name in ordered:
            CHANGES[name][0]()
        unlike = process_state.read() != before
        assert bool(process_state.restore(before)) == unlike
        assert process_state.read() == before
    finally:
        # An inference mode that ends late puts back what it had found: that is mended too.
        KEPT.clear()
        process_state.restore(before)
    assert process_state.read() == before


def test_a_state_that_torch_rejects_is_restored():
    before = process_state.read()
    try:
        torch.set_default_device("cpu")
        leak(torch.device("meta"))
        with pytest.raises(AssertionError, match="nested DeviceContext"):
            torch.set_default_device("meta")
        assert process_state.restore(before)
    finally:
        KEPT.clear()
        process_state.restore(before)
    assert process_state.read() == before
    assert torch.zeros(1).device.type == "cpu"
    torch.set_default_device("meta")
    process_state.restore(before)
    assert torch.zeros(1).device.type == "cpu"


@pytest.mark.parametrize("collected", ["before it is put back", "after it was put back"])
def test_a_late_end_of_inference_mode_leaves_torch_working(collected):
    before = process_state.read()
    leak(Dispatched())
    leak(torch.inference_mode())
    if collected.startswith("before"):
        KEPT.clear()
    assert process_state.restore(before)
    if collected.startswith("after"):
        KEPT.clear()
        gc.collect()
        assert process_state.restore(before) == (
            "the dispatch of operators without a mode (False -> True)",
        )
    assert process_state.read() == before
    assert torch.zeros(1).tolist() == [0]


@pytest.mark.parametrize("name", ["threads", "dtype", "grad", "inference", "deterministic"])
def test_the_quick_look_sees(name):
    before, quick = process_state.read(), process_state.quick()
    assert process_state.quick() == quick
    CHANGES[name][0]()
    assert process_state.quick() != quick
    process_state.restore(before)
    assert process_state.quick() == quick


def test_the_quick_look_is_quick():
    """A thousandfold of the core's time: only something like starting a process would show."""

    def seconds(look, calls):
        return min(timeit.repeat(look, number=calls, repeat=5, timer=time.thread_time)) / calls

    assert seconds(process_state.quick, 100) < 5e-4
    assert seconds(process_state.read, 10) < 5e-2
