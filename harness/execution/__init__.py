"""One case in one process, the worker processes, and what they tell their supervisor."""
