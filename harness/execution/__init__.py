"""One case in one process, the worker processes, and their supervisor."""
