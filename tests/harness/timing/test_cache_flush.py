"""Emptying the caches: what was in them is slow to read again."""

import time

import pytest
import torch

from opbench.harness.timing.cache_flush import _size, cache_bytes, cache_flush


@pytest.mark.parametrize(
    ("text", "size"), [("48M\n", 48 << 20), ("1280K", 1280 << 10), ("1G", 1 << 30), ("512", 512)]
)
def test_sizes_are_parsed_as_the_system_writes_them(text, size):
    assert _size(text) == size


def test_cache_bytes_are_those_of_the_largest_cache():
    assert 1 << 16 <= cache_bytes("cpu") <= 1 << 32


@pytest.mark.usefixtures("one_thread")
def test_reading_after_a_flush_is_slow():
    """A megabyte fits into any last-level cache; the quickest of each, which nobody disturbed."""
    data, flush = torch.ones(1 << 18), cache_flush("cpu")

    def read():
        start = time.perf_counter()
        data.sum()
        return time.perf_counter() - start

    warm, cold = [], []
    for _ in range(15):
        flush()
        cold.append(read())
        warm += [read() for _ in range(5)]
    assert min(cold) > 1.5 * min(warm)
