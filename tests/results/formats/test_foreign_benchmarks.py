"""Other suites' benchmarks: which op, case and contender each stands for."""

from __future__ import annotations

import pytest

from opbench.results.errors import RunFolderError
from opbench.results.formats.foreign_benchmarks import foreign_records
from opbench.results.formats.pytest_benchmark_file import benchmarks
from tests.results.benchmark_files import entry


def keys(*entries, contender=""):
    found, left_out = benchmarks(entries)
    assert left_out == []
    return [
        (r.case.op, r.case.shape, r.contender)
        for r in foreign_records(found, "", contender=contender)
    ]


def unserializable(text):
    return f"UNSERIALIZABLE[{text}]"


def function(name, at="0x7f00000a0000"):
    return unserializable(f"<function {name} at {at}>")


def test_a_group_of_several_functions():
    """The function is part of the case."""
    entries = [
        entry(f"t.py::{name}[{lib}-{n}]", group="codec", params={"lib": lib, "n": n})
        for name in ("test_encode", "test_decode")
        for lib in ("x", "y")
        for n in (1, 2)
    ]
    found = keys(*entries, contender="lib")

    assert len(set(found)) == 8
    assert {shape for _, shape, _ in found} == {
        *("test_encode-1", "test_encode-2"),
        *("test_decode-1", "test_decode-2"),
    }
    assert {name for _, _, name in found} == {"x", "y"}


def test_a_group_over_files_with_functions_of_one_name():
    entries = [
        entry(f"{path}::test[a]", group="g", params={"lib": "a"}) for path in ("t.py", "u.py")
    ]

    assert keys(*entries, contender="lib") == [
        ("g", "t.py::test", "a"),
        ("g", "u.py::test", "a"),
    ]


@pytest.mark.parametrize(
    ("id_", "params", "name"),
    [
        ("mat-mul-10", {"f": function("matmul"), "n": 10}, "mat-mul"),
        ("10-mat-mul", {"n": 10, "f": function("matmul")}, "mat-mul"),
        ("a-10-mat-mul-x-y", {"s": "a", "n": 10, "f": function("g"), "t": "x-y"}, "mat-mul"),
        ("-1-mat-mul", {"n": -1, "f": function("matmul")}, "mat-mul"),
        ("mat-mul", {"f": function("matmul")}, "mat-mul"),
        ("mat-mul-\\u6f22", {"f": function("matmul"), "s": "漢"}, "mat-mul"),
        ("f-size0", {"f": function("g"), "size": [2, 3]}, "f"),
        ("1.5-True-None-f", {"x": 1.5, "b": True, "o": None, "f": function("g")}, "f"),
        # It could be split in several ways, or in none.
        ("a-b-c", {"f": function("g"), "size": [2, 3]}, "g"),
        ("mat-mul-small", {"f": function("matmul"), "n": 10}, "matmul"),
        ("", {"f": function("matmul")}, "matmul"),
        ("-".join("abcdefghijklmnop" * 9), {c: function(c) for c in "fghijk"}, "f"),
    ],
)
def test_ids_with_hyphens(id_, params, name):
    (found,) = keys(entry(f"t.py::test[{id_}]", param=id_, params=params), contender="f")

    assert found[2] == name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (function("einsum"), "einsum"),
        (function("make.<locals>.<lambda>"), "make.<locals>.<lambda>"),
        (unserializable("<built-in function sum>"), "sum"),
        (unserializable("<class 'lib.Fast'>"), "lib.Fast"),
        (unserializable("<bound method A.run of <lib.A object at 0x7f00000a0000>>"), "A.run"),
        (unserializable("<lib.Fast object at 0x7f00000a0000>"), "<lib.Fast object>"),
        (
            unserializable("functools.partial(<function f at 0x7f00000a0000>, 3)"),
            "functools.partial(<function f>, 3)",
        ),
        ([function("f"), 3], "['UNSERIALIZABLE[<function f>]', 3]"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_objects_are_called_by_their_names_and_never_by_addresses(value, name):
    raw = entry("t.py::test[x-y-z]", params={"f": value, "g": function("g")})

    assert keys(raw, contender="f") == [("t.py::test", "g", name)]


def test_two_objects_of_one_name_get_their_ids():
    lambdas = [function("<lambda>", "0x7f00000a0000"), function("<lambda>", "0x7f00000a0001")]
    entries = [
        entry(f"t.py::test[{id_}-small]", params={"f": value, "n": 10})
        for id_, value in zip(("one", "two"), lambdas, strict=True)
    ]
    assert [name for _, _, name in keys(*entries, contender="f")] == ["one-small", "two-small"]


def test_names_that_are_the_same_become_paths():
    """Two files with a test of one name, in one group."""
    found = keys(entry(group="g"), entry("u.py::test_a", group="g"))

    assert [name for _, _, name in found] == ["t.py::test_a", "u.py::test_a"]


def test_ids_of_version_2_5():
    raw = [entry(f"t.py::test_fast[{n}]", param=..., params=..., extra_info=...) for n in (0, 1)]

    assert [name for _, _, name in keys(*raw)] == ["0", "1"]


def test_a_parameter_that_none_has():
    with pytest.raises(
        RunFolderError, match=r"no benchmark has a parameter 'm' .*; parameters: n$"
    ):
        keys(entry(params={"n": 1}), contender="m")
