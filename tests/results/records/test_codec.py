"""Records survive being written and read."""

from __future__ import annotations

import json
import math
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opbench.results.errors import RunFolderError, TruncatedLineError
from opbench.results.records import codec, machine, outcome, run
from opbench.results.records.case import Case
from tests.results.examples import case, info, measured
from tests.results.examples import record as job

NAMES = st.text(max_size=8)
FLOATS = st.floats(allow_nan=False)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 2**60)
PAIRS = st.lists(st.tuples(NAMES, NAMES), max_size=3).map(tuple)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
AXES = st.lists(st.tuples(NAMES, INTEGERS | FINITE | NAMES | st.booleans()), max_size=3)
STAGES = st.sampled_from(typing.get_args(outcome.Stage))
CHECKS = st.sampled_from(typing.get_args(outcome.FailedCheck))
RULES = st.builds(run.Rules, FLOATS, FLOATS, FLOATS)
CASES = st.builds(Case, op=NAMES, shape=NAMES, axes=AXES.map(tuple), inputs=NAMES, threads=COUNTS)
MEASURED = st.builds(
    outcome.Measured,
    samples_s=st.lists(FLOATS, max_size=4).map(tuple),
    rounds=st.lists(COUNTS, max_size=4).map(tuple),
    calls=COUNTS,
    preparation_s=FLOATS,
    error=FLOATS,
    flops=COUNTS,
    bytes=COUNTS,
    stopped=NAMES,
    peak_bytes=st.none() | COUNTS,
    units=st.lists(COUNTS, max_size=4).map(tuple),
    device_s=st.lists(FLOATS, max_size=4).map(tuple),
)
OUTCOMES = (
    MEASURED
    | st.builds(outcome.Wrong, CHECKS, NAMES, st.none() | FLOATS)
    | st.builds(outcome.Unsupported, NAMES)
    | st.builds(outcome.Failed, STAGES, NAMES, NAMES, st.sampled_from(outcome.CAUSES))
)
OPERATORS = st.builds(
    outcome.OperatorRow,
    name=NAMES,
    calls=FLOATS,
    self_time_s=FLOATS,
    total_time_s=FLOATS,
    self_bytes=FLOATS,
)
ENVIRONMENTS = st.builds(machine.Environment, NAMES, PAIRS, PAIRS)
RECORDS = (
    CASES
    | OUTCOMES
    | st.builds(outcome.Right, FLOATS)
    | st.builds(outcome.Started, NAMES, CASES)
    | st.builds(
        outcome.Record,
        contender=NAMES,
        case=CASES,
        outcome=OUTCOMES,
        fingerprint=NAMES,
        environment_key=NAMES,
        caveats=PAIRS,
        output=NAMES,
        compiled=st.none() | st.booleans(),
    )
    | st.builds(
        outcome.Profile,
        contender=NAMES,
        case=CASES,
        trace=NAMES,
        operators=st.lists(OPERATORS, max_size=2).map(tuple),
        peak_bytes=st.none() | COUNTS,
    )
    | st.builds(
        run.RunInfo,
        id=NAMES,
        created=NAMES,
        command=st.lists(NAMES).map(tuple),
        environment=ENVIRONMENTS,
        settings=PAIRS,
        rules=RULES,
        warnings=st.lists(NAMES).map(tuple),
    )
    | RULES
    | st.builds(
        machine.Ceilings,
        environment_key=NAMES,
        device=NAMES,
        threads=COUNTS,
        memory=st.lists(st.tuples(COUNTS, FLOATS), max_size=3).map(tuple),
        matmul=st.lists(st.tuples(NAMES, FLOATS), max_size=3).map(tuple),
        dispatch_s=FLOATS,
    )
)


@given(RECORDS)
def test_every_record_survives(value):
    line = codec.dumps(value)

    assert "\n" not in line
    json.loads(line, parse_constant=pytest.fail)
    found = codec.loads(line)
    assert type(found) is type(value)
    assert found == value


def test_numbers_keep_their_type():
    found = codec.loads(codec.dumps(measured(preparation_s=1.0, error=math.inf)))

    assert isinstance(found.preparation_s, float)
    assert found.error == math.inf
    assert math.isnan(codec.loads(codec.dumps(outcome.Right(math.nan))).error)


def test_an_integer_is_read_as_the_float_it_stands_for():
    assert isinstance(codec.loads('{"type":"Right","error":1}').error, float)


def test_booleans_of_axes_stay_booleans():
    found = codec.loads(codec.dumps(case(axes=(("causal", True), ("n", 1)))))

    assert found.axes[0][1] is True
    assert type(found.axes[1][1]) is int


def test_records_of_one_case_share_it_and_cases_that_only_seem_equal_do_not():
    one, other = (codec.loads(codec.dumps(job(name))) for name in ("loop", "einsum"))
    assert one.case is other.case
    true, number = (
        codec.loads(codec.dumps(job(on=case(axes=(("causal", value),))))).case.axes[0][1]
        for value in (True, 1)
    )
    assert (type(true), type(number)) == (bool, int)


@pytest.mark.parametrize("text", ['{"type":"Record","conten', '{"type":"Rig', "{"])
def test_a_cut_off_line_is_an_error_of_its_own(text):
    with pytest.raises(TruncatedLineError):
        codec.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "not a record"),
        ('{"type":"Nothing"}', "not a record"),
        ('{"type":"Right","error":0.1,"extra":1}', "has no field extra.*another version"),
        ('{"type":"Right"}', "Right cannot be read"),
        ('{"type":"Right","error":"much"}', "Right cannot be read"),
    ],
)
def test_text_that_is_no_record_is_an_error(text, message):
    with pytest.raises(RunFolderError, match=message):
        codec.loads(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"contender":"index_add"', '"contender":null'),
        ('"contender":"index_add"', '"contender":["index_add"]'),
        ('"calls":5', '"calls":"5"'),
        ('"calls":5', '"calls":true'),
        ('"calls":5', '"calls":1e99'),
        ('"rounds":[', '"rounds":[[],'),
        ('"rounds":[', '"rounds":[true,'),
        ('"rounds":[', '"rounds":[9223372036854775808,'),
        ('"caveats":[]', '"caveats":[["one"]]'),
        ('"caveats":[]', '"caveats":{}'),
        ('"compiled":null', '"compiled":1'),
        ('"compiled":null', '"compiled":"no"'),
        ('["B",8]', '["B",[8]]'),
        ('["B",8]', '["B"]'),
        ('"peak_bytes":3500000', '"peak_bytes":{"type":"Right","error":1}'),
        ('"direction":"forward"', '"direction":"sideways"'),
        ('"type":"Case"', '"type":"Right"'),
        ('"type":"Case"', '"type":["Case"]'),
    ],
)
def test_a_field_of_another_type_is_an_error(old, new):
    """What is read later can rely on the annotations."""
    text = codec.dumps(job())
    assert old in text

    with pytest.raises(RunFolderError):
        codec.loads(text.replace(old, new))


@pytest.mark.parametrize("depth", [300, 900, 990, 3000])
def test_an_axis_that_is_nested_is_an_error_however_deeply(depth):
    text = codec.dumps(job()).replace('["B",8]', f'["B",{"[" * depth}{"]" * depth}]')

    with pytest.raises(RunFolderError):
        codec.loads(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"type":' * 100_000, f'{{"a":{"9" * 5000}}}'])
def test_json_that_python_itself_refuses_is_an_error(text):
    with pytest.raises(RunFolderError):
        codec.loads(text)


def test_a_newer_schema_is_named_though_its_fields_are_unknown():
    text = codec.dumps(info(schema=99)).replace('"warnings"', '"remarks"')

    with pytest.raises(RunFolderError, match=r"schema 99; .*install a newer opbench"):
        codec.loads(text)


def test_values_beyond_files_and_tables_are_read_as_text():
    written = codec.dumps(job("\ud83d", on=case(axes=(("n", 10**30), ("m", -(2**63))))))

    found = codec.loads(written)
    assert found.contender == r"\ud83d"
    assert found.case.axes == (("n", "1" + "0" * 30), ("m", -(2**63)))


def test_a_declared_cost_may_be_no_whole_number():
    """A stranger's `Cost` isn't held to its annotations when it is written."""
    assert codec.loads(codec.dumps(measured(flops=10.4))).flops == 10


def test_an_unknown_record_inside_a_record_is_an_error():
    text = codec.dumps(job()).replace('"type":"Measured"', '"type":"Guessed"')

    with pytest.raises(RunFolderError, match="unknown record type 'Guessed'"):
        codec.loads(text)


def test_the_head_of_a_run_survives():
    assert codec.loads(codec.dumps(info())) == info()
