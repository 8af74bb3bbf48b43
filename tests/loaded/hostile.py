"""Contenders of somebody else's op that try to take the others down with them.

Each is right at first, so that the checks by themselves can't keep it out.
"""

import ctypes
import os
import subprocess
import sys
import threading
import time

import torch

from opbench import impl

HOARD = []
#: More calls than a contender gets before it is warmed up, and fewer than any race has.
RACING = 14
CALLS = {}


def nth(name, number):
    """Whether this is at least the contender's nth call in this process."""
    CALLS[name] = CALLS.get(name, 0) + 1
    return CALLS[name] >= number


@impl("row_sum")
def segfaults(x):
    ctypes.string_at(0)


@impl("row_sum")
def segfaults_in_the_race(x):
    if nth("segfaults_in_the_race", RACING):
        ctypes.string_at(0)
    return x.sum(1)


@impl("row_sum")
def exits(x):
    os._exit(0)


@impl("row_sum")
def raises_system_exit(x):
    sys.exit(3)


@impl("row_sum")
def raises(x):
    raise RuntimeError("no luck today")


@impl("row_sum")
def hangs(x):
    while True:
        time.sleep(0.01)


@impl("row_sum")
def hangs_in_the_race(x):
    while nth("hangs_in_the_race", RACING):
        time.sleep(0.01)
    return x.sum(1)


@impl("row_sum")
def hoards(x):
    while True:
        HOARD.append(torch.ones(32 << 20, dtype=torch.uint8))


@impl("row_sum")
def leaves_children(x):
    subprocess.Popen(["sleep", "600"])
    return x.sum(1)


@impl("row_sum")
def leaves_orphans_and_crashes(x):
    subprocess.run(["setsid", "sh", "-c", "sleep 601 & sleep 602 &"], check=True)
    ctypes.string_at(0)


@impl("row_sum")
def leaves_a_thread(x):
    threading.Thread(target=spin, daemon=True).start()
    return x.sum(1)


def spin():
    while True:
        time.sleep(0.001)


@impl("row_sum")
def prints(x):
    print("garbage \x00\xff {not json\n" * 3)  # noqa: T201 - what it is here for
    os.write(2, b"\xff\xfe raw garbage\n")
    return x.sum(1)


@impl("row_sum")
def sets_threads(x):
    torch.set_num_threads(1)
    return x.sum(1)


@impl("row_sum")
def sets_default_dtype(x):
    torch.set_default_dtype(torch.float64)
    return x.sum(1)


@impl("row_sum")
def turns_gradients_off(x):
    torch.set_grad_enabled(False)
    return x.sum(1)


@impl("row_sum")
def sets_deterministic(x):
    torch.use_deterministic_algorithms(True)
    return x.sum(1)


@impl("row_sum")
def sets_threads_in_the_race(x):
    if nth("sets_threads_in_the_race", RACING):
        torch.set_num_threads(1)
    return x.sum(1)


@impl("row_sum")
def recompiles_in_the_race(x):
    if nth("recompiles_in_the_race", RACING):
        # Again at each call, as one that meets ever new shapes would.
        torch.compiler.reset()
        torch.compile(lambda y: y + 1, backend="eager")(x)
    return x.sum(1)


@impl("row_sum")
def remembers_in_the_race(x):
    """Answers from memory once it has been checked."""
    if nth("remembers_in_the_race", RACING) and "answer" in CALLS:
        return CALLS["answer"].clone()
    CALLS["answer"] = x.sum(1)
    return CALLS["answer"].clone()
