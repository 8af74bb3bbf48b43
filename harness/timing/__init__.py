"""Timing: clocks, blocks, interleaving, and when to stop."""
