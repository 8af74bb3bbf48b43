"""Pairs of contenders that differ by one known thing, for `python -m benchmarks.causes`."""
