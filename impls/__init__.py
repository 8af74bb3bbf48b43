"""Contenders: one file per op; kernels in C++ and Triton below.

PYTEST_DONT_REWRITE (opbench is a pytest plugin: without this word pytest warns of a package that it
wanted to rewrite and that was imported before it).
"""
