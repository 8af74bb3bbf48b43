"""The table of choices: written, read as it was written, and refused with a reason otherwise."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opbench.results.choosing.rules import Leaf
from opbench.results.choosing.table import Provenance, table_text, used
from opbench.results.choosing.table_file import parse_table, read_table
from opbench.results.errors import TableError
from opbench.results.records import Environment
from tests.results.choosing.examples import choice

FACTS = {"cpu": "Example", "torch": "2.13.0"}
KEY = hashlib.sha256(b"cpu=Example\ntorch=2.13.0").hexdigest()[:12]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return choice(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def text(made):
    origin = Provenance(
        contract="c0ffee",
        environment=Environment(KEY, tuple(FACTS.items())),
        reads={"B": "x.shape[0]", "S": "x.shape[1]"},
        tensor="x",
        fingerprints={name: f"{name}-source" for name in made.contenders},
        runs=("races",),
    )
    return table_text([made], origin)


def test_it_is_read_as_it_was_written(made, text, tmp_path):
    (tmp_path / "table.json").write_text(text)
    table = read_table(tmp_path / "table.json")
    assert table.sections[0].rule == made.rule
    assert table.sections[0].situation == made.situation
    assert table.sections[0].bounds == made.bounds
    assert (table.op, table.contract, table.tensor) == ("row_op", "c0ffee", "x")
    assert table.contenders == {name: f"{name}-source" for name in used([made])}
    assert table.environment.key == KEY


def test_people_can_read_it(text):
    lines = text.splitlines()
    assert max(map(len, lines)) < 160
    assert sum('"shape":' in line for line in lines) == 12


def put(document, path, value):
    """Set the value at a path of keys, or remove it where the value is None."""
    *path, last = path
    for key in path:
        document = document[key]
    if value is None:
        del document[last]
    else:
        document[last] = value


FIRST = ("sections", 0)
ROW = (*FIRST, "measured", 0)
#: What is put where, and the reason that is given.
MUTATIONS = [
    (("schema",), 2, "schema 2: this opbench reads 1"),
    (("schema",), "1", "schema '1'"),
    (("schema",), None, "lacks 'schema'"),
    (("op",), None, "lacks 'op'"),
    (("op",), 3, "op: '3' is not a text"),
    (("contract",), "", "contract: '' is not a text"),
    (("environment", "key"), "0123456789ab", "aren't those of the key 0123456789ab"),
    (("environment", "facts", "torch"), "2.14.0", "aren't those of the key"),
    (("environment", "facts"), None, "environment lacks|the file lacks 'facts'"),
    (("axes", "B"), "__import__('os').getpid()", "axes.B: .* is not read off a call"),
    (("axes", "S"), None, "isn't made of the table's axes"),
    (("tensor",), "x; y", "tensor: 'x; y' is not read off a call"),
    (("contenders", "eager"), None, "there is no contender 'eager' in the table"),
    (("contenders", "another"), "f00d", "no region names another"),
    (("sections",), [], "sections: there is none"),
    (("sections",), {}, "sections: '{}' is not a list"),
    ((*FIRST, "threads"), 0, "0 is no number of threads"),
    ((*FIRST, "direction"), "sideways", "'sideways' is no pass"),
    ((*FIRST, "dtype"), None, r"sections\[0\] lacks 'dtype'"),
    ((*FIRST, "fallback"), "gone", "there is no contender 'gone' in the table"),
    ((*FIRST, "regions"), "gone", "there is no contender 'gone' in the table"),
    ((*FIRST, "regions", "at_most"), "many", "at_most: 'many' is not a number"),
    ((*FIRST, "regions", "at_most"), -1, "at_most: -1.0 is no size"),
    ((*FIRST, "regions", "size"), "B*K", r"'B\*K' isn't made of the table's axes"),
    ((*FIRST, "regions", "size"), "B^2/K", r"'B\^2/K' isn't made of the table's axes"),
    ((*FIRST, "regions", "size"), "B**S", r"size: 'B\*\*S' is no product of powers of axes"),
    ((*FIRST, "regions", "size"), "B^9", r"size: 'B\^9' is no product of powers of axes"),
    ((*FIRST, "regions", "then"), None, "regions lacks 'then'"),
    ((*FIRST, "bounds", "B"), [64, 1], "64.0 is above 1.0"),
    ((*FIRST, "bounds", "B"), [1], "not two sizes"),
    ((*FIRST, "bounds", "B"), [5, 64], "4 is outside of the bounds"),
    ((*FIRST, "measured"), [], "there is nothing that it rests on"),
    ((*ROW, "axes", "S"), None, "not those of the bounds"),
    ((*ROW, "time_s_ratio_low_high"), {}, "no contender was timed"),
    ((*ROW, "time_s_ratio_low_high", "eager"), [1e-6], "not a time, a ratio and its interval"),
    ((*ROW, "time_s_ratio_low_high", "eager", 0), 0, "0 is no time"),
    ((*FIRST, "regret"), None, "lacks 'regret'"),
    ((*FIRST, "fixed"), {"order": 3}, "'3' is not an option"),
]


def test_there_are_enough_mutations():
    assert len(MUTATIONS) >= 25


@pytest.mark.parametrize(("path", "value", "reason"), MUTATIONS)
def test_a_mutation_is_refused_with_its_reason(text, path, value, reason):
    document = json.loads(text)
    put(document, path, value)
    with pytest.raises(TableError, match=reason):
        parse_table(json.dumps(document))


def test_two_sections_for_one_kind_of_call_are_refused(text):
    document = json.loads(text)
    document["sections"] *= 2
    with pytest.raises(TableError, match="two are for one kind of call"):
        parse_table(json.dumps(document))


@pytest.mark.parametrize("content", ["", "[]", "3", "null", '"text"', "NaN", "[" * 100_000])
def test_what_is_no_table_is_refused(content):
    with pytest.raises(TableError):
        parse_table(content)


@given(st.data())
def test_a_file_that_is_cut_off_is_refused(text, data):
    length = data.draw(st.integers(0, len(text) - 3))
    with pytest.raises(TableError, match="cut off"):
        parse_table(text[:length])


def test_a_file_that_cant_be_read_is_named(tmp_path):
    with pytest.raises(TableError, match=r"none\.json cannot be read: No such file"):
        read_table(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(TableError, match=r"bytes\.json cannot be read"):
        read_table(tmp_path / "bytes.json")
    (tmp_path / "half.json").write_text("{")
    with pytest.raises(TableError, match=r"half\.json is no table of choices: not whole JSON"):
        read_table(tmp_path / "half.json")


def test_regions_that_are_one_are_a_name(text):
    document = json.loads(text)
    document["sections"][0] |= {"regions": "eager", "fallback": "eager"}
    document["contenders"] = {"eager": "f00d"}
    assert parse_table(json.dumps(document)).sections[0].rule == Leaf("eager")
