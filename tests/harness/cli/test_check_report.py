"""The lines of a check's report."""

import pytest

from opbench.harness.cli.check_report import problems
from opbench.harness.correctness.caveats import Checked
from opbench.harness.planning.borders import REFUSED
from opbench.results.records import Case, Failed, Right, Unsupported, Wrong

ODD, LONG = (Case(op="sums", shape=shape, axes=(), inputs="normal") for shape in ("odd", "long"))
OFF = Wrong("value", "1 of 4 elements are off", 2.0)
EVERYBODY = "all contenders of sums are wrong on 1 case, first odd normal float32 forward ()"


def lines(*checked):
    return list(problems([Checked(name, case, verdict) for name, case, verdict in checked]))


def test_what_everybody_gets_wrong_points_to_the_oracle():
    found = lines(("one", ODD, OFF), ("two", ODD, OFF), ("one", LONG, Right(0.1)))
    assert f"{EVERYBODY}: suspect its oracle or tolerance" in found


@pytest.mark.parametrize("other", [Right(0.1), Wrong("inputs", "changed an input")])
def test_contender_that_is_wrong_alone_is_named_alone(other):
    found = lines(("one", ODD, OFF), ("two", ODD, other))
    assert not any(line.startswith("all contenders") for line in found)
    assert found[0].startswith(("WRONG one of sums on 1 case", "WRONG two of sums"))


def test_sizes_that_nobody_declared_have_one_line_for_everybody():
    too_long = Unsupported(f"{REFUSED}the oracle does more than 5000 operations")
    refused = Unsupported(f"{REFUSED}the op doesn't take them: K <= N")
    found = lines(("one", ODD, too_long), ("two", ODD, too_long), ("one", LONG, refused))
    assert found[:-1] == [
        "UNSUPPORTED every contender of sums on 2 cases, first odd normal float32 forward (): "
        "sizes that nobody declared: the oracle does more than 5000 operations"
    ]


def test_failures_whose_numbers_differ_have_one_line():
    def failed(size):
        return Failed("check", f"RuntimeError: The size of tensor a ({size}) must match 1.5e-3")

    found = lines(("one", ODD, failed(3)), ("one", LONG, failed(77)))
    assert [line for line in found if line.startswith("FAILED")] == [
        "FAILED one of sums on 2 cases, first odd normal float32 forward (): check: "
        "RuntimeError: The size of tensor a (3) must match 1.5e-3"
    ]
