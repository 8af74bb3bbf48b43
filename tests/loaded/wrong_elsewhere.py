"""Contenders of row_scale that are right as they are timed, and do harm on other inputs."""

import ctypes
import sys
import threading
import time

import torch

from opbench import impl


def is_timed(x):
    return x.shape == (8, 16)


@impl("row_scale")
def crashes_elsewhere(x, w, *, shift=0.0):
    if not is_timed(x):
        ctypes.string_at(0)
    return x * w + shift


@impl("row_scale")
def starts_a_thread_elsewhere(x, w, *, shift=0.0):
    if not is_timed(x):
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return x * w + shift


@impl("row_scale")
def hoards_elsewhere(x, w, *, shift=0.0):
    if not is_timed(x):
        torch.empty(sys.maxsize // 8, dtype=torch.uint8)
    return x * w + shift


@impl("row_scale", caveats={"shifted": "forgets to shift"})
def admits_it(x, w, *, shift=0.0):
    return x * w


@impl("row_scale")
def slow_and_wrong(x, w, *, shift=0.0):
    begun = time.process_time()
    while not is_timed(x) and time.process_time() - begun < 0.2:
        pass
    return x * w + (0 if is_timed(x) or x.is_contiguous() else 1)
