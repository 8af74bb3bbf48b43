"""TensorBoard: publish a run and serve it. No torch.

PYTEST_DONT_REWRITE (opbench is a pytest plugin: without this word pytest warns of a package that it
wanted to rewrite and that was imported before it).
"""
