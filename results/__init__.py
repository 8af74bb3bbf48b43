"""Records, run folders, statistics, leaderboards, tables and exports. No torch.

PYTEST_DONT_REWRITE (opbench is a pytest plugin: without this word pytest warns of a package that it
wanted to rewrite and that was imported before it).
"""
