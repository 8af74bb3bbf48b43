"""Measuring the ceilings of the machine that the tests run on."""

import math
import time

import pytest
import torch

from opbench.harness.machine.ceilings import _is_long, measure
from opbench.harness.machine.environment import describe
from opbench.results.errors import SelectionError, UnsupportedError
from opbench.results.ranking import ceilings as C

MEASURED = (1 << 12, 1 << 16, 1 << 22)


def quick(**changes):
    usual = {
        "dtypes": ("float32",),
        "sizes": MEASURED,
        "budget_s": 0.1,
        "environment_key": "test",
        "threads": 1,
    }
    return measure(**(usual | changes))


def test_all_ceilings_are_measured():
    found = quick(dtypes=("float64", "float32"), threads=2, sizes=MEASURED[::-1])

    assert (found.environment_key, found.device, found.threads) == ("test", "cpu", 2)
    assert tuple(size for size, _ in found.memory) == MEASURED
    assert tuple(name for name, _ in found.matmul) == ("float32", "float64")
    rates = [rate for _, rate in (*found.memory, *found.matmul)]
    assert all(1e6 < rate < 1e16 for rate in rates)
    assert 1e-9 < found.dispatch_s < 1e-3
    assert C.better_of(found, found) == found


@pytest.mark.usefixtures("one_thread")
def test_copy_is_slower_than_its_ceiling():
    """The best that was ever seen of both, as long as something disturbs one of them."""
    size = 1 << 22
    source, target = torch.ones(size // 8), torch.zeros(size // 8)
    best, found = math.inf, None
    for _ in range(50):
        again = quick(sizes=(size,), dtypes=())
        found = C.better_of(found, again) if found else again
        best = min(best, *(seconds(lambda: target.copy_(source)) for _ in range(50)))
        reached = C.share(best, flops=0, bytes=size, dtype="float32", cache="warm", ceilings=found)
        if 0.2 < reached.value < 1.6:
            break
    assert reached.bound == "memory"
    assert 0.2 < reached.value < 1.6


def seconds(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def test_settings_of_torch_are_restored():
    before = torch.get_num_threads()
    torch.manual_seed(3)
    drawn = torch.rand(4)
    torch.manual_seed(3)

    quick(threads=before + 1)

    assert torch.get_num_threads() == before
    assert torch.equal(torch.rand(4), drawn)
    assert not torch.is_inference_mode_enabled()


def test_settings_of_torch_are_restored_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(SelectionError, match="no dtype 'float31'"):
        quick(threads=before + 1, dtypes=("float31",))

    assert torch.get_num_threads() == before


def test_defaults_are_the_threads_and_environment_of_the_process():
    found = quick(threads=None, environment_key=None, sizes=(), dtypes=(), budget_s=0.0)

    assert found.environment_key == describe().key
    assert found.threads == torch.get_num_threads()
    assert (found.memory, found.matmul) == ((), ())
    assert math.isfinite(found.dispatch_s)


def test_dtypes_that_the_device_cannot_multiply_are_left_out():
    found = quick(dtypes=("bool", "float32"), sizes=(4, 1 << 12, 1 << 60))

    assert [name for name, _ in found.matmul] == ["float32"]
    assert [size for size, _ in found.memory] == [1 << 12]


def test_ceilings_of_a_missing_device_are_unsupported():
    absent = "cuda:99" if torch.cuda.is_available() else "cuda"
    with pytest.raises(UnsupportedError, match=r"this machine has no cuda|there is no cuda:99"):
        quick(device=absent)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_ceilings_of_an_accelerator_are_measured():
    found = quick(device="cuda", dtypes=("float32", "bfloat16"))

    assert len(found.memory) == len(MEASURED)
    assert dict(found.matmul)["bfloat16"] > dict(found.matmul)["float32"]


@pytest.mark.parametrize(
    ("took", "before", "long"),
    [
        (8e-3, 1e-3, True),
        (1e-3, 1.2e-4, False),
        (8e-3, 0.0, False),
        (8e-3, 8e-3, False),
        (8e-3, 1e-4, False),
        (6e-2, 1e-4, True),
    ],
)
def test_product_that_waited_for_its_threads_is_not_long(took, before, long):
    assert _is_long(took, before) is long
