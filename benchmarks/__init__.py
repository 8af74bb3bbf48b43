"""Programs that print the figures in docs/benchmarks.md: `python -m benchmarks.NAME`."""

import os

# Read when torch is imported: the profiler's own log would print two lines per profile.
os.environ.setdefault("KINETO_LOG_LEVEL", "6")
