"""Declarations are values; what is wrong with one is said when it is made."""

import pytest

from opbench import Cost, Impl, Op, Support, cpu, floating, impl, supported
from opbench.results.errors import DeclarationError


def declare(**changes):
    fields = {
        "name": "double",
        "oracle": lambda x, *, by=2: x * by,
        "axes": {"N": "elements"},
        "inputs": {"normal": lambda N, rng: {"x": None}},
        "quick": {"small": {"N": 4}},
        "cost": lambda N, e: Cost(N, 2 * N * e),
    }
    return Op(**{**fields, **changes})


def test_arguments_and_options_come_from_the_oracle():
    op = declare()
    assert op.arguments == ("x",)
    assert op.options == ("by",)
    assert op.defaults == {"by": 2}
    assert op.timed_kinds == ("normal",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cost": lambda M: None}, r"op 'double': cost asks for 'M'.*N"),
        ({"inputs": {"normal": lambda K: None}}, r"inputs\['normal'\] asks for 'K'"),
        ({"validate": lambda N: None}, "validate asks for 'N'"),
        ({"magnitude": lambda N: None}, "magnitude asks for 'N'"),
        ({"inputs": {}}, "inputs is empty"),
        ({"boards": ("surf",)}, "board 'surf' is not one of compute, materialise, view, consume"),
        ({"timed": ("text",)}, "timed 'text' is not one of normal"),
        ({"grad": ("y",)}, "grad 'y' is not one of x"),
        ({"dtypes": ("int4",)}, "dtypes without a tolerance: 'int4'"),
        ({"quick": {"small": {"M": 4}}}, r"quick\['small'\] has the axes M; the op has N"),
        ({"full": {"big": {}}}, r"full\['big'\] has the axes ; the op has N"),
    ],
)
def test_invalid_op_raises_and_names_the_field(changes, message):
    with pytest.raises(DeclarationError, match=message):
        declare(**changes)


def test_tagging_leaves_the_function_as_it_is():
    @impl("double", caveats={"normal": "why"}, requires="torch")
    def times(x):
        return x * 2

    assert times(3) == 6
    (contender,) = times.__opbench__
    assert isinstance(contender, Impl)
    assert (contender.op, contender.name) == ("double", "times")
    assert contender.requires == ("torch",)
    assert contender.origin.endswith("times")


def test_function_tagged_twice_is_two_contenders():
    def times(x):
        return x * 2

    impl("double")(times)
    impl("double", name="compiled", prepare="torch:compile")(times)
    assert [contender.name for contender in times.__opbench__] == ["times", "compiled"]


@pytest.mark.parametrize("what", ["target", "prepare"])
def test_target_without_an_attribute_raises(what):
    with pytest.raises(DeclarationError, match=f"{what}='torch.compile' is not of the form"):
        impl("double", **{what: "torch.compile"})(lambda x: x)


def test_combined_predicates_give_the_reason_of_the_first_that_fails():
    even = supported("takes even sizes")(lambda x: x % 2 == 0)
    both = cpu & floating & even
    assert both.names() == {"device", "dtype", "x"}
    values = {"device": "cpu", "dtype": "float32", "x": 2}
    assert both.refusal(values) is None
    assert both.refusal({**values, "x": 3}) == "takes even sizes"
    assert both.refusal({**values, "device": "cuda", "x": 3}) == "runs on the CPU only"
    assert both.refusal({**values, "dtype": "int64"}) == "takes floating-point inputs only"
    assert Support(()).refusal({}) is None
