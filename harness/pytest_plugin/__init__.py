"""The pytest plugin: contenders as pytest-benchmark items."""
