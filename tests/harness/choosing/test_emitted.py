"""Tables as modules that need no opbench: they run what the table names, or the reason is said."""

import dataclasses
import functools
import math
import subprocess
import sys

import pytest
import torch
from torch import Tensor

import opbench
from opbench import Cost, Op, impl, supported
from opbench.harness.choosing import standalone
from opbench.harness.choosing.emitted import emitted
from opbench.results.choosing.rules import Leaf, Split
from opbench.results.errors import UnsupportedError
from tests.harness.choosing.tables import section_of, table_of

shifted = Op(
    name="shifted",
    oracle=lambda x, *, by=1.0: x + by,
    axes={"B": "rows", "S": "columns"},
    inputs={"normal": lambda B, S, rng: {"x": torch.randn(B, S)}},
    quick={"small": {"B": 4, "S": 8}},
    cost=lambda B, S, e: Cost(B * S, B * S * e),
    grad=("x",),
)
WIDE = {torch.float16: torch.float32, torch.bfloat16: torch.float32}
LEAST = -math.inf
SCALES = (1.0, math.inf, "a text", {1: [2, None]})
made_elsewhere = object()


@supported("takes an even number of columns")
def even(x):
    """Whether the columns are even."""
    return x.shape[1] % 2 == 0


@functools.cache
def ones(size, dtype):
    return torch.ones(size, dtype=dtype) * SCALES[0]


def widened(x: Tensor) -> Tensor:
    return x.to(WIDE.get(x.dtype, x.dtype))


@impl("shifted")
def plain(x, *, by=1.0):
    # Nothing is smaller.
    return x.clamp(min=LEAST) + by


@impl("shifted", supports=even)
def with_helpers(x, *, by=1.0):
    rows = [row + by * ones(row.numel(), row.dtype) for row in widened(x)]
    return torch.stack(rows) if rows else x.clone()


@impl("shifted", prepare="torch:compile")
def compiled(x, *, by=1.0):
    return x + by


def _with_hidden(hidden):
    @impl("shifted", name="closure")
    def closure(x, *, by=1.0):
        return x + by + hidden

    return closure


closure = _with_hidden(0.0)


@impl("shifted")
def uses_object(x, *, by=1.0):
    return x + by if made_elsewhere else x


@impl("shifted")
def uses_project(x, *, by=1.0):
    return x + by if standalone else x


@impl("shifted")
def threads(x, *, by=1.0):
    return x + by


@impl("shifted")
def lacking(x):
    return x + 1.0


in_a_lambda = impl("shifted", name="in_a_lambda")(lambda x, *, by=1.0: x + by)
kernel = impl("shifted", name="kernel", target=f"{__name__}:plain")(lambda x, *, by=1.0: x + by)


@pytest.fixture(scope="module")
def impls():
    return opbench.load(sys.modules[__name__], entry_points=False).impls["shifted"]


def table(impls, rule, fallback="plain"):
    names = {fallback, *(leaf.contender for leaf in leaves(rule))}
    return table_of(shifted, impls, section_of(shifted, rule, fallback), names=sorted(names))


def leaves(rule):
    return [rule] if isinstance(rule, Leaf) else [*leaves(rule.below), *leaves(rule.above)]


def run(path, code):
    """Run code beside a module in a process where nothing of opbench can be imported."""
    program = f"import sys; sys.modules['opbench'] = None; sys.path.insert(0, '.')\n{code}"
    return subprocess.run(
        [sys.executable, "-I", "-c", program],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_module_runs_what_the_table_names_without_opbench(impls, tmp_path):
    rule = Split("B*S", 100.0, Leaf("with_helpers"), Leaf("plain"))
    path = tmp_path / "chosen.py"
    path.write_text(emitted(table(impls, rule), shifted, impls))
    code = """
import torch, chosen
torch.set_num_threads(1)
ran = []
for name in ("contender_0", "contender_1"):
    inner = getattr(chosen, name)
    def outer(*args, inner=inner, **options):
        ran.append(inner.__name__)
        return inner(*args, **options)
    setattr(chosen, name, outer)
chosen.outside = chosen.contender_0
for shape in ((4, 8), (4, 7), (40, 8), (65, 8)):
    x = torch.randn(shape)
    torch.testing.assert_close(chosen.shifted(x), x + 1)
    torch.testing.assert_close(chosen.shifted(x, by=2.5), x + 2.5)
    torch.testing.assert_close(chosen.shifted(x.half()).float(), (x.half() + 1).float())
print(*ran[::3])
"""
    # The second has odd columns, which with_helpers refuses; the last is outside.
    assert run(path, code).split() == ["with_helpers", "plain", "plain", "plain"]
    text = path.read_text()
    for kept in ("# Nothing is smaller.", "@functools.cache", 'LEAST = float("-inf")'):
        assert kept in text
    assert "@impl" not in text
    assert "@supported" not in text
    assert "float32 forward t1: B 1 to 64, S 1 to 1024" in " ".join(text.split())


def test_what_torch_compiles_is_compiled_there(impls):
    text = emitted(table(impls, Leaf("compiled")), shifted, impls)
    assert "contender_0 = torch.compile(compiled)" in text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("closure", "closure uses variables of the function that it was made in"),
        ("uses_object", "uses_object uses made_elsewhere, which is object"),
        ("uses_project", "uses_project uses standalone, a module of its project"),
        ("in_a_lambda", "no function with a source|no plain function"),
        ("kernel", "is a kernel, which opbench compiles"),
        ("threads", "threads: a name that the module needs itself"),
    ],
)
def test_what_does_not_stand_by_itself_is_said(impls, name, reason):
    with pytest.raises(UnsupportedError, match=reason):
        emitted(table(impls, Leaf(name)), shifted, impls)


def test_a_fallback_that_lacks_an_option_is_refused_as_by_a_dispatcher(impls):
    with pytest.raises(UnsupportedError, match="lacking of shifted runs on some calls only"):
        emitted(table(impls, Leaf("plain"), fallback="lacking"), shifted, impls)


def test_a_machine_of_any_name_ends_no_text(impls, tmp_path):
    made = table(impls, Leaf("plain"))
    odd = dataclasses.replace(made.environment, stable=(("cpu", '""" \\ + evil() + """'),))
    path = tmp_path / "odd.py"
    path.write_text(emitted(dataclasses.replace(made, environment=odd), shifted, impls))
    assert "evil()" in run(path, "import odd; print(odd.__doc__)")


@pytest.mark.parametrize("value", [*SCALES, WIDE, LEAST, {1, 2}, frozenset("ab"), b"x", -0.0, True])
def test_constants_are_read_as_they_were(value):
    text = standalone.written(value)
    again = eval(text, {"torch": torch})
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize("value", [object(), torch.ones(1), [object()], "x" * 1000, widened])
def test_what_is_no_constant_has_no_text(value):
    assert standalone.written(value) is None
