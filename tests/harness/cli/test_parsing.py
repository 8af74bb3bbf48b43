"""How a command line is read: near words, options that add up, and which words were given."""

import pytest

from opbench.harness.cli.app import parsers
from opbench.harness.cli.parsing import option_of, parse


def words(*argv):
    return parse(parsers, argv)


def refused(capsys, *argv):
    """The line that is printed where a command line is refused."""
    with pytest.raises(SystemExit) as caught:
        words(*argv)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("argv", "near"),
    [
        (("rum",), "run"),
        (("run", "--budgt", "3"), "--budget"),
        (("run", "--impls=cpp"), "--impl"),
        (("gate", "--base", "main", "--min-slowdwn=3%"), "--min-slowdown"),
        (("list", "opps"), "ops"),
        (("run", "--grid", "ful"), "full"),
        (("export", "--format", "parket", "-o", "x"), "parquet"),
        (("gate", "--base", "main", "--method", "twin"), "twins"),
    ],
)
def test_the_nearest_argument_is_suggested(capsys, argv, near):
    assert f"did you mean '{near}'?" in refused(capsys, *argv)


def test_an_argument_near_to_none_has_no_suggestion(capsys):
    line = refused(capsys, "run", "--zzzz")
    assert "unrecognized arguments: --zzzz" in line
    assert "did you mean" not in line
    assert "see `opbench run --help`" in line


@pytest.mark.parametrize(
    ("argv", "missing"),
    [(("compare", "A"), "HEAD"), (("export",), "--format, -o/--output"), (("import",), "FILE")],
)
def test_only_missing_required_arguments_are_listed(capsys, argv, missing):
    assert f"the following arguments are required: {missing};" in refused(capsys, *argv)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--impl", "impls"),
        ("--dtype", "dtype"),
        ("--pass", "passes"),
        ("--inputs", "inputs"),
        ("--board", "board"),
        ("--layout", "layout"),
        ("--device", "device"),
    ],
)
def test_names_of_repeated_options_add_up(option, name):
    said = words("run", option, "a, b", option, "c", option, "a")
    assert getattr(said, name) == "a,b,c"
    assert said.given == {name}


def test_names_of_repeated_options_add_up_where_runs_are_read():
    assert words("compare", "A", "B", "--impl", "a", "--impl", "b").impls == "a,b"
    assert words("run", "--load", "a.py", "--load", "b.py").load == ["a.py", "b.py"]


@pytest.mark.parametrize("option", ["--impl", "--columns"])
def test_two_dashes_are_no_names(option, capsys):
    assert "give names by commas" in refused(capsys, "run", f"{option}=--")


def test_an_expression_is_not_given_twice(capsys):
    assert "`and` or `or`" in refused(capsys, "run", "-k", "a", "-k", "b")
    assert words("run", "-k", "a", "-k", "a").expression == "a"


def test_options_are_not_abbreviated(capsys):
    """Another one with the same beginning may come some day."""
    assert "did you mean '--budget'" in refused(capsys, "run", "--budge", "3")


def test_arguments_given_as_their_default_count_as_given():
    assert words("run").given == frozenset()
    said = words("run", "op", "--budget", "3s", "--threads=2", "-k", "x", "--load", "m", "--json")
    assert said.given == {"names", "budget", "threads", "expression", "load", "json"}
    assert said.budget == words("run").budget


def test_options_by_the_names_that_people_type():
    called = [option_of(name) for name in ("names", "expression", "passes", "memory_limit")]
    assert called == ["OP", "-k", "--pass", "--memory-limit"]
