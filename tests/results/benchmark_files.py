"""Files as pytest-benchmark writes them, for tests."""

from __future__ import annotations

import json

from opbench.results.formats.pytest_benchmark_import import read_benchmarks


def entry(fullname="t.py::test_a", **changes):
    """One benchmark, as pytest-benchmark writes it; without what is changed to `...`."""
    stats = {"data": [0.1, 0.3, 0.2], "median": 0.2, "rounds": 3, "iterations": 7}
    name = fullname.partition("::")[2]
    param = name.partition("[")[2].removesuffix("]") or None
    base = {"group": None, "name": name, "fullname": fullname, "params": None, "param": param}
    return without(base | {"extra_info": {}, "stats": stats} | changes)


def document(*benchmarks, **changes):
    """A whole file, as JSON has it."""
    machine = {"system": "Linux", "cpu": {"brand_raw": "Some CPU", "count": 4}}
    made = {"version": "5.3.1", "datetime": "2026-01-02T03:04:05+00:00", "machine_info": machine}
    return without(made | {"benchmarks": list(benchmarks)} | changes)


def without(values):
    """The values that are there."""
    return {name: value for name, value in values.items() if value is not ...}


def read(folder, *benchmarks, contender="", **changes):
    """What is imported of a file of these benchmarks."""
    path = folder / "x.json"
    path.write_text(json.dumps(document(*benchmarks, **changes)))
    return read_benchmarks(path, contender=contender)


def import_run(source, root, *, run_id, contender=""):
    """A file as a run on disk."""
    return read_benchmarks(source, contender=contender).create(root, run_id)
