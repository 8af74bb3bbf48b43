"""Every field of a declaration that isn't what it should be is reported by its name."""

import pytest

from opbench import Cost, impl, supported
from opbench.results.errors import DeclarationError
from tests.harness.test_declare import declare


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 3, r"op 3: name is 3 \(of type int\); it has to be a name"),
        ("name", "a b", "name is 'a b'"),
        ("oracle", "f", "oracle is 'f' .*has to be a function"),
        ("oracle", print, r"oracle takes \*args"),
        ("oracle", getattr, "oracle has no signature that names the op's arguments"),
        ("oracle", lambda *parts: parts, r"oracle takes \*parts"),
        ("oracle", lambda x, *, by: x, "oracle: the option 'by' needs a default"),
        ("axes", ["N"], r"axes is \['N'\] \(of type list\); it has to be a mapping of axes"),
        ("axes", {"N": 3}, "axes is .*mapping of axes"),
        ("inputs", lambda N, rng: {}, "inputs is .*mapping of kinds to functions"),
        ("inputs", {"normal": {"x": 1}}, "inputs is .*mapping of kinds to functions"),
        ("quick", {"N": 4}, "quick is .*mapping of names to sizes"),
        ("quick", [{"N": 4}], "quick is .*mapping"),
        ("quick", {}, "quick is empty"),
        ("edge", {"one": (1,)}, "edge is .*mapping"),
        ("full", {"one": {"N": None}}, "full is .*mapping"),
        ("cost", Cost(1, 1), "cost is Cost.*function that returns a Cost"),
        ("cost", None, "cost is None"),
        ("timed", "normal", r"timed is 'normal' .*tuple of names: \('x',\)"),
        ("dtypes", "float32", "dtypes is 'float32' .*tuple of names"),
        ("dtypes", (3,), "dtypes is .*tuple of names"),
        ("dtypes", (), "dtypes is empty"),
        ("tolerance", 1e-5, r"tolerance is 1e-05 \(of type float\).*mapping of dtypes"),
        ("tolerance", {"float32": "small"}, "tolerance is .*mapping"),
        ("magnitude", 2.0, "magnitude is 2.0"),
        ("validate", True, "validate is True"),
        ("grad", "x", "grad is 'x' .*tuple of names"),
        ("grad", True, "grad is True"),
        ("boards", "view", "boards is 'view'"),
        ("consumer", "sum", "consumer is 'sum'"),
        ("canonical", 3, "canonical is 3"),
        ("ungraded", "ties", "ungraded is 'ties'"),
        ("output_dtype", float, "output_dtype is"),
        ("source", 3, "source is 3"),
        ("timed", ("norml",), r"timed 'norml' is not one of normal \(did you mean 'normal'\?\)"),
    ],
)
def test_invalid_field_of_an_op_raises(field, value, message):
    with pytest.raises(DeclarationError, match=message):
        declare(**{field: value})


def product(x, y, *, by=2):
    """An oracle of two arguments."""
    return x * y * by


@pytest.mark.parametrize(
    "magnitude",
    [
        lambda: 0,
        lambda x: x,
        lambda y, x: x * y,
        lambda x, *, y: x * y,
        lambda x, y: x * y,
    ],
    ids=["none", "one", "in another order", "by name only", "without an option that shapes set"],
)
def test_a_magnitude_that_can_not_be_called_as_the_oracle_is(magnitude):
    axes = {"N": "elements", "by": "the factor"}
    with pytest.raises(DeclarationError) as caught:
        declare(oracle=product, magnitude=magnitude, axes=axes, quick={"small": {"N": 4, "by": 3}})
    reported = str(caught.value)
    assert reported.startswith("op 'double': magnitude takes (")
    assert reported.endswith("; it is called as the oracle is, which takes (x, y, *, by=2)")


@pytest.mark.parametrize(
    "magnitude",
    [
        lambda x, y: x * y,
        lambda x, y, by=1: x * y * by,
        lambda *given, **options: given[0],
        lambda x, y, /, *, by=2: x * y,
    ],
)
def test_a_magnitude_that_can_be_called_as_the_oracle_is(magnitude):
    """Who never sets an option need not take it."""
    assert declare(oracle=product, magnitude=magnitude).magnitude is magnitude


def test_lists_of_names_become_tuples():
    assert declare(dtypes=["float32"], grad=["x"]).dtypes == ("float32",)


def test_functions_may_have_defaults_and_take_everything():
    double = [lambda N, rng, by=by: {"x": by} for by in (1, 2)]
    op = declare(inputs={"one": double[0], "two": double[1]}, cost=lambda **axes: Cost(0, 0))
    assert op.inputs["two"](1, None) == {"x": 2}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"name": 3}, r"@impl\('double'\): name is 3"),
        ({"caveats": ["normal"]}, r"caveats is \['normal'\] .*mapping of input kinds"),
        ({"caveats": "normal"}, "caveats is 'normal'"),
        ({"supports": "cpu"}, r"supports is 'cpu' \(of type str\); it has to be a Support"),
        ({"supports": lambda device: True}, "supports is .*has to be a Support"),
        ({"supports": supported("why")}, "supports is .*has to be a Support"),
        ({"requires": 3}, "requires is 3"),
        ({"target": len}, "target is"),
        ({"prepare": True}, "prepare is True"),
        ({"board": "surf"}, "board is 'surf' .*one of compute, materialise, view, consume"),
    ],
)
def test_invalid_field_of_a_contender_raises(words, message):
    with pytest.raises(DeclarationError, match=message):
        impl("double", **words)(lambda x: x)


@pytest.mark.parametrize(
    ("tagged", "message"),
    [
        (3, "tags 3, which can't be called"),
        (len, r"<built-in function len> can't be tagged"),
        (int, "<class 'int'> can't be tagged"),
    ],
)
def test_tagging_something_else_than_a_function_raises(tagged, message):
    with pytest.raises(DeclarationError, match=message):
        impl("double", name="mine")(tagged)


def test_function_without_a_name_needs_one():
    class Nameless:
        def __call__(self, x):
            return x

    with pytest.raises(DeclarationError, match=r"no name of its own: @impl\('double', name="):
        impl("double")(Nameless())
