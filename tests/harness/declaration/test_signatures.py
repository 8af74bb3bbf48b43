"""Arguments are given by position, whatever a contender calls them; options by name."""

import functools

import numpy
import pytest
import torch
import torch.nn.functional as F

import opbench
from opbench.harness.catalog import Catalog
from opbench.harness.declaration.signatures import accepts, misfit
from opbench.harness.declare import Cost, Op, impl
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.errors import DeclarationError, UnsupportedError

ARGUMENTS, OPTIONS = ("tokens", "lengths"), {"fill": -1.0}


class Callable:
    def __call__(self, a, b):
        return a

    def method(self, a, b, fill=0.0):
        return a


@torch.jit.script
def scripted(a, b):
    return a + b


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x,
        lambda tokens, y, *, fill=0.0: y,
        lambda tokens, lengths, fill=0.0: tokens,
        lambda x, y=3: x,
        lambda x, y, eps=1e-6: x,
        lambda *parts: parts,
        lambda x, *rest, **options: x,
        lambda *args, **options: args,
        functools.partial(lambda scale, x, y: x, 2.0),
        functools.partial(lambda x, y, *, fill, more: x, fill=0.0, more=1),
        Callable(),
        Callable().method,
        numpy.add,
        torch.softmax,
        torch.ops.aten.add,
        scripted,
        torch.nn.ReLU(),
        F.softmax,
    ],
)
def test_functions_that_fit_the_op_are_accepted(function):
    assert misfit(function, ARGUMENTS, OPTIONS) is None


BOTH = r"; the op gives it \(tokens, lengths\) by position and by name fill"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, rf"takes \(x\){BOTH}"),
        (lambda x, y, z: x, rf"takes \(x, y, z\){BOTH}"),
        (lambda: 0, rf"takes \(\){BOTH}"),
        (lambda x, *, fill=0.0: x, rf"takes \(x, fill=0.0\){BOTH}"),
        (lambda x, y, z, *more: x, rf"takes \(x, y, z, \*more\){BOTH}"),
        (Callable.method, rf"takes \(self, a, b, fill=0.0\){BOTH}"),
        (lambda lengths, tokens: 0, r"takes \(lengths, tokens\); .* in this order"),
        (lambda x, tokens: 0, r"takes \(x, tokens\); .* in this order"),
        (lambda x, fill: 0, "has 'fill' in the place of an argument"),
        (lambda x, y, *, fill: 0, r"option 'fill' needs a default; the op's is -1\.0"),
        (lambda x, y, *, scale: 0, "option 'scale', which is not one of fill$"),
        (lambda x, y, *, fil=1: 0, r"'fil', which is not one of fill \(did you mean 'fill'\?\)"),
        (lambda x, y, fil=1: 0, "'fil', which is not one of fill .did you mean"),
    ],
)
def test_functions_that_do_not_fit_the_op_are_refused(function, message):
    found = misfit(function, ARGUMENTS, OPTIONS)
    assert found is not None
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(found)


def test_accepted_options_are_those_of_the_signature():
    assert accepts(lambda x, fill=1: x, "fill")
    assert accepts(lambda x, **options: x, "fill")
    assert accepts(torch.softmax, "fill")
    assert not accepts(lambda x, fill, /: x, "fill")
    assert not accepts(lambda x: x, "fill")


def declared(function, *, oracle=lambda x, *, mask=None: x):
    op = Op(
        name="same",
        oracle=oracle,
        axes={"N": "elements"},
        inputs={"normal": lambda N, rng: {"x": torch.ones(N)}},
        quick={"small": {"N": 4}},
        cost=lambda N: Cost(N, N),
    )
    impl("same", name="mine")(function)
    return Catalog({"same": op}, {"same": {"mine": function.__opbench__[-1]}}, {})


@pytest.mark.parametrize("function", [functools.partial(torch.mul, 2), scripted, Callable()])
def test_callable_objects_have_a_fingerprint_and_can_be_called(function):
    oracle = (lambda a, b: a) if function is not torch.mul else None
    if isinstance(function, functools.partial):
        catalog = declared(function)
        assert catalog.call("same", torch.ones(2), impl="mine").tolist() == [2, 2]
    else:
        catalog = declared(function, oracle=oracle)
        catalog.call("same", torch.ones(2), torch.zeros(2), impl="mine")
    assert len(fingerprint(catalog.impl("same", "mine"))) == 16


def test_tensor_option_is_the_default_only_as_the_same_object():
    catalog = declared(lambda x, *, mask=None: x if mask is None else x * mask)
    mask = torch.tensor([0.0, 1.0])
    assert catalog.call("same", torch.ones(2), impl="mine", mask=mask).tolist() == [0, 1]
    without = declared(lambda x: x)
    with pytest.raises(UnsupportedError, match="has no option mask"):
        without.call("same", torch.ones(2), impl="mine", mask=mask)


def test_wrong_number_of_arguments_names_the_contender_and_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ops.py").write_text(
        "from opbench import impl\n\n\n@impl('patch_pooling')\ndef mine(tokens): ...\n"
    )
    message = (
        r"contender 'mine' of 'patch_pooling' \(\./ops\.py:4\): takes \(tokens\); the op gives"
    )
    with pytest.raises(DeclarationError, match=message):
        opbench.load("ops.py")
