"""Races: ops with their contracts, oracles, inputs and shapes, one file per family.

PYTEST_DONT_REWRITE (opbench is a pytest plugin: without this word pytest warns of a package that it
wanted to rewrite and that was imported before it).
"""
