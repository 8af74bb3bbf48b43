"""Words for devices are looked at before anything is done."""

import subprocess

import pytest
import torch

from opbench.harness.machine.device_names import ensure_devices
from opbench.harness.planning.selection import Selection
from opbench.results.errors import SelectionError
from tests.harness.projects import COMMAND


def test_devices_that_torch_knows_are_accepted():
    ensure_devices(("cpu", "cuda", "cuda:0", "cuda:99", "xpu", "mps:1", "vulkan"))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nosuch", "there is no device 'nosuch'; this machine has cpu"),
        ("CPU", r"no device 'CPU' \(did you mean 'cpu'\?\)"),
        ("cud", r"no device 'cud' \(did you mean 'cuda'\?\)"),
        ("cuda:x", "'cuda:x': 'x' is not the number of one"),
        ("cuda:-1", "'-1' is not the number"),
        ("cuda:", "'' is not the number"),
        ("cuda:01", "'01' is not the number"),
        ("cuda:128", "'128' is not the number"),
        ("cuda:0:1", "'0:1' is not the number"),
        ("cpu:0", "there is but one of them, 'cpu'"),
        ("meta", "holds no values"),
        ("hip", "is called 'cuda'"),
        ("privateuseone", "give it by its name"),
        (" cpu", "no device ' cpu'"),
        ("", "there is no device ''"),
    ],
)
def test_other_names_of_devices_raise(word, message):
    with pytest.raises(SelectionError, match=message):
        Selection(devices=(word,))


@pytest.mark.parametrize("verb", ["list cases", "check", "run", "profile", "gate --base main"])
def test_unknown_device_ends_every_verb_before_any_work(tmp_path, verb):
    quiet = ("--quiet",) if verb in ("check", "run", "profile") else ()
    command = (*COMMAND, *verb.split(), "--device", "nosuch", *quiet)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    reported = f"opbench {verb.split()[0]}: there is no device 'nosuch'; this machine has "
    assert done.stderr.startswith(reported)
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
@pytest.mark.parametrize(
    "words",
    [
        "check patch_pooling -k one --jobs 1 --impl index_add,loop",
        "run patch_pooling -k tiny --impl index_add --budget 0.1",
        "profile patch_pooling -k tiny --impl index_add",
        "calibrate --ceilings --seconds 0.1",
    ],
)
def test_missing_device_is_unsupported_in_every_verb(tmp_path, words):
    command = (*COMMAND, *words.split(), "--device", "cuda")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 6
    assert "this machine has no cuda device" in done.stdout + done.stderr
    assert "FAILED" not in done.stdout
