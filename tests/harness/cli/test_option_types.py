"""The values of options: what is taken, and what is refused with what is valid."""

import argparse

import pytest

from opbench.harness.cli import option_types

TAKEN = [
    (option_types.duration, "90", 90.0),
    (option_types.duration, "90s", 90.0),
    (option_types.duration, "500ms", 0.5),
    (option_types.duration, "1.5m", 90.0),
    (option_types.duration, "2min", 120.0),
    (option_types.duration, "1h", 3600.0),
    (option_types.duration, " 10 S ", 10.0),
    (option_types.duration, "1e3", 1000.0),
    (option_types.duration, ".5", 0.5),
    (option_types.size, "512MiB", 512 << 20),
    (option_types.size, "8G", 8 << 30),
    (option_types.size, "8gb", 8 << 30),
    (option_types.size, "1.5GiB", 3 << 29),
    (option_types.size, "1048576", 1 << 20),
    (option_types.size, "1048576B", 1 << 20),
    (option_types.share, "3%", 0.03),
    (option_types.share, "0.03", 0.03),
    (option_types.shares, "1%,0.5", (0.01, 0.5)),
    (option_types.count(0, 9), "007", 7),
    (option_types.names, " a , b,a", ("a", "b")),
]
#: What no number of anything is, and what is too much of everything.
NO_NUMBERS = [
    "",
    " ",
    "x",
    "inf",
    "-inf",
    "nan",
    "-1",
    "0",
    "1e999",
    "9" * 5000,
    "1,5",
    "٣",
    "0x10",
]
REFUSED = [
    *[
        (option_types.duration, text)
        for text in (*NO_NUMBERS, "3x", "3sm", "8d", "1us", "s", "169h")
    ],
    *[
        (option_types.size, text)
        for text in (*NO_NUMBERS, "8X", "8GG", "8iB8", "G", "100", "2000T")
    ],
    *[(option_types.share, text) for text in (*NO_NUMBERS, "3", "100%", "0%", "%", "3%%")],
    *[(option_types.count(1, 99), text) for text in (*NO_NUMBERS, "100", "1.0", "1e1", "1_0")],
    *[(option_types.threads, text) for text in (*NO_NUMBERS, "5000", "10000")],
    *[(option_types.jobs, text) for text in (*NO_NUMBERS, "1000")],
    *[(option_types.names, text) for text in ("", ",", "a,", ",a", "a,,b", "a, ,b")],
]


@pytest.mark.parametrize(("parse", "text", "value"), TAKEN)
def test_valid_values_are_parsed(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text"), REFUSED)
def test_invalid_values_are_refused_with_valid_ones(parse, text):
    with pytest.raises(argparse.ArgumentTypeError, match="give ") as caught:
        parse(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "200ms"), (1.2, "2s"), (7.9, "8s"), (21, "25s"), (61, "2m")]
)
def test_a_printed_duration_is_parsed_as_no_shorter(seconds, text):
    assert option_types.as_duration(seconds) == text
    assert option_types.duration(text) >= seconds
