"""Functions are called with what their parameters name."""

from dataclasses import dataclass

from opbench.harness.declaration.named_arguments import call_named, parameter_names


@dataclass(frozen=True)
class Holding:
    """A callable that can't be hashed, though its class says that it can."""

    factors: list[int]

    def __call__(self, rows, columns=2):
        return [factor * rows * columns for factor in self.factors]


def test_callable_that_cannot_be_hashed_has_parameters():
    function = Holding([1, 2])
    assert parameter_names(function) == ("rows",)
    assert call_named(function, {"rows": 3, "others": 5}) == [6, 12]
    assert call_named(function, {"rows": 3, "columns": 1}) == [3, 6]
