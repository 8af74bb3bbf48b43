"""The dispatcher: it runs what a table names; tables that aren't for what is here are refused."""

import dataclasses
import sys
import warnings

import pytest
import torch
from torch._dynamo.testing import CompileCounter

import opbench
from opbench import Cost, DispatchWarning, Op, dispatch, impl, supported
from opbench.harness.choosing.contract import contract_fingerprint
from opbench.harness.machine.environment import describe
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.choosing.rules import Leaf, Split
from opbench.results.errors import StaleTableError, TableError, UnsupportedError
from tests.harness.choosing.tables import BOUNDS, section_of, table_of

RAN = []


def ran(name):
    # The compiler would compile anew for every length of the list.
    if not torch.compiler.is_compiling():
        RAN.append(name)


def _oracle(x, y, *, scale=1.0):
    """x[B, S] times the sums of y[B], scaled."""
    return x * y[:, None] * scale


def _validate(x, y):
    if x.ndim != 2:
        raise ValueError("scaled: x: takes 2 axes")


scaled = Op(
    name="scaled",
    oracle=_oracle,
    axes={"B": "rows", "S": "columns"},
    inputs={"normal": lambda B, S, rng: {"x": torch.randn(B, S), "y": torch.randn(B)}},
    quick={"small": {"B": 4, "S": 8}},
    cost=lambda B, S, e: Cost(B * S, B * S * e),
    validate=_validate,
    grad=("x", "y"),
)
even = supported("takes an even number of columns")(lambda x: x.shape[1] % 2 == 0)


@impl("scaled")
def plain(x, y, *, scale=1.0):
    ran("plain")
    return x * y[:, None] * scale


@impl("scaled")
def other(x, y, *, scale=1.0):
    ran("other")
    return (x.T * (y * scale)).T


@impl("scaled", supports=even)
def evenly(x, y, *, scale=1.0):
    ran("evenly")
    return x * y[:, None] * scale


@impl("scaled")
def lacking(x, y):
    return x * y[:, None]


@pytest.fixture(scope="module")
def catalog():
    return opbench.load(sys.modules[__name__], entry_points=False)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    RAN.clear()
    yield
    torch.set_num_threads(before)


RULE = Split("B*S", 100.0, Leaf("plain"), Leaf("other"))


def section(rule=RULE, *more, **fields):
    return section_of(scaled, rule, *more, **fields)


def table(catalog, *sections, names=("plain", "other"), **fields):
    made = table_of(scaled, catalog.impls["scaled"], *(sections or (section(),)), names=names)
    return dataclasses.replace(made, **fields)


@pytest.fixture
def made(catalog):
    return dispatch("scaled", table(catalog), catalog=catalog)


def inputs(rows, columns, **options):
    return torch.randn(rows, columns, **options), torch.randn(rows)


def test_it_runs_what_the_table_names_and_returns_its_result(made):
    for rows, columns, name in ((4, 25, "plain"), (4, 26, "other"), (64, 1024, "other")):
        x, y = inputs(rows, columns)
        RAN.clear()
        assert torch.equal(made(x, y), x * y[:, None])
        assert RAN == [name]
        assert made.which(x, y) == name
    assert made.__name__ == "scaled"
    assert "x[B, S]" in made.__doc__


@pytest.mark.parametrize("at", [2.5, 3.0])
def test_powers_are_compared_exactly(catalog, at):
    rule = Split("S^2/B", at, Leaf("plain"), Leaf("other"))
    made = dispatch("scaled", table(catalog, section(rule)), catalog=catalog)
    for rows, columns in ((12, 6), (15, 6), (11, 6), (27, 9), (64, 12), (64, 14)):
        x, y = inputs(rows, columns)
        assert made.which(x, y) == ("plain" if columns**2 <= at * rows else "other")
        assert torch.equal(made(x, y), x * y[:, None])


def test_options_are_handed_on(made):
    x, y = inputs(3, 5)
    torch.testing.assert_close(made(x, y, scale=2.0), 2 * x * y[:, None])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: inputs(65, 8), "float32 without gradients t1: B=65, S=8"),
        (lambda: inputs(8, 1025), "float32 without gradients t1: B=8, S=1025"),
        (lambda: inputs(8, 8, dtype=torch.float64), "float64 without gradients t1: B=8, S=8"),
        (lambda: inputs(8, 8, requires_grad=True), "float32 with gradients t1: B=8, S=8"),
    ],
)
def test_outside_of_what_was_measured_the_fallback_runs_and_that_is_said_once(catalog, call, said):
    made = dispatch("scaled", table(catalog, section(Leaf("other"))), catalog=catalog)
    x, y = call()
    reason = rf"a call \({said}\) is outside of what was measured .* plain runs"
    with pytest.warns(DispatchWarning, match=reason):
        made(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made(x, y)
    assert RAN == ["plain", "plain"]


def test_another_number_of_threads_is_another_situation(made):
    torch.set_num_threads(2)
    with pytest.warns(DispatchWarning, match="float32 without gradients t2"):
        made(*inputs(64, 64))
    assert RAN == ["plain"]


def test_gradients_have_a_section_of_their_own(catalog):
    sections = (section(Leaf("plain")), section(Leaf("other"), direction="both"))
    made = dispatch("scaled", table(catalog, *sections), catalog=catalog)
    x, y = inputs(4, 4, requires_grad=True)
    made(x, y).sum().backward()
    with torch.no_grad():
        made(x, y)
    made(x.detach(), y)
    made(x.detach(), y.requires_grad_())
    assert RAN == ["other", "plain", "plain", "other"]


def test_dtypes_have_sections_of_their_own(catalog):
    sections = (section(Leaf("plain")), section(Leaf("other"), dtype="bfloat16"))
    made = dispatch("scaled", table(catalog, *sections), catalog=catalog)
    made(*inputs(4, 4))
    made(*inputs(4, 4, dtype=torch.bfloat16))
    assert RAN == ["plain", "other"]


def test_one_that_refuses_some_calls_runs_on_the_others_alone(catalog):
    two = table(catalog, section(Leaf("evenly")), names=("plain", "evenly"))
    made = dispatch("scaled", two, catalog=catalog)
    made(*inputs(4, 4))
    with pytest.warns(DispatchWarning):
        made(*inputs(4, 5))
    assert RAN == ["evenly", "plain"]


def test_arguments_are_checked_where_that_is_asked_for(catalog):
    made = dispatch("scaled", table(catalog), catalog=catalog, checked=True)
    assert torch.equal(made(torch.ones(2, 2), torch.ones(2)), torch.ones(2, 2))
    with pytest.raises(ValueError, match="takes 2 axes"):
        made(torch.ones(3), torch.ones(3))
    with pytest.raises(TypeError, match=r"scaled: .* it takes \(x, y, scale=\)"):
        made(torch.ones(3, 3))


@pytest.mark.parametrize("rule", [RULE, Split("S^2/B", 3.0, Leaf("plain"), Leaf("other"))])
def test_the_choice_is_made_while_tracing(catalog, rule):
    made = dispatch("scaled", table(catalog, section(rule)), catalog=catalog)

    def model(x, y):
        return made(x * 2, y) + 1

    for dynamic, frames in ((True, 1), (None, 2)):
        torch._dynamo.reset()
        counter = CompileCounter()
        compiled = torch.compile(model, fullgraph=True, dynamic=dynamic, backend=counter)
        for rows in (4, 8, 20, 40, 64):
            x, y = inputs(rows, 8)
            torch.testing.assert_close(compiled(x, y), x * 2 * y[:, None] + 1)
        # Sizes on both sides of the threshold; without "dynamic" the first is compiled for alone.
        assert counter.frame_count == frames


def test_which_region_is_traced_is_that_of_the_call(made):
    for rows, transposes in ((4, False), (40, True)):
        torch._dynamo.reset()
        graphs = []

        def keep(graph, _, graphs=graphs):
            graphs.append(graph.code)
            return graph

        x, y = inputs(rows, 8)
        compiled = torch.compile(lambda x, y: made(x, y, scale=2.0), backend=keep, fullgraph=True)
        torch.testing.assert_close(compiled(x, y), 2 * x * y[:, None])
        assert ["getitem" in code for code in graphs] == [not transposes]


def refused(catalog, made, reason, error=StaleTableError, **options):
    with pytest.raises(error, match=reason):
        dispatch("scaled", made, catalog=catalog, **options)


def test_what_has_changed_is_refused_or_said(catalog):
    here = describe()
    facts = {**dict(here.stable), "torch": "2.14.0"}
    elsewhere = dataclasses.replace(here, key="other", stable=tuple(facts.items()))
    sources = {"plain": "f00d", "other": fingerprint(catalog.impl("scaled", "other"))}
    for changes, reason in (
        ({"environment": elsewhere}, r"torch was '2.14.0' and is"),
        ({"contract": "f00d"}, "the contract of scaled has changed"),
        ({"contenders": sources}, "the source of plain has changed"),
    ):
        changed = table(catalog, **changes)
        refused(catalog, changed, reason)
        with pytest.warns(DispatchWarning, match=reason):
            made = dispatch("scaled", changed, catalog=catalog, allow_stale=True)
        made(*inputs(2, 2))
    assert RAN == ["plain"] * 3


def test_what_cant_run_is_refused_in_any_case(catalog):
    gone = table(catalog, contenders={"plain": "x", "othr": "y"})
    refused(
        catalog,
        gone,
        r"no contender 'othr' here \(did you mean 'other'.*catalog=opbench\.load",
        allow_stale=True,
    )
    reads = {"B": "x.shape[1]", "S": "x.shape[0]"}
    swapped = table(catalog, reads=reads)
    refused(catalog, swapped, "B was read as x.shape.1., and now is", allow_stale=True)
    refused(catalog, table(catalog, reads={"B": "x.shape[0]"}), "the axis S, which the table")
    refused(catalog, table(catalog, tensor="y"), "not those of 'y'")
    refused(catalog, table(catalog, op="softmax"), "is of softmax, not of scaled", TableError)
    nothing = table(catalog, section(dtype="flat32"))
    refused(catalog, nothing, "'flat32' is no dtype", TableError)


def test_one_that_lacks_an_option_runs_where_that_is_at_its_default(catalog):
    two = table(catalog, section(Leaf("lacking")), names=("plain", "lacking"))
    made = dispatch("scaled", two, catalog=catalog)
    x, y = inputs(4, 4)
    assert made.which(x, y) == "lacking"
    assert torch.equal(made(x, y, scale=1.0), x * y[:, None])
    with pytest.warns(DispatchWarning):
        torch.testing.assert_close(made(x, y, scale=2.0), 2 * x * y[:, None])
    torch._dynamo.reset()
    compiled = torch.compile(lambda x, y: made(x, y, scale=2.0), fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, y), 2 * x * y[:, None])


def test_a_fallback_has_to_run_on_every_call(catalog):
    made = table(catalog, section(Leaf("lacking"), "lacking"), names=("lacking",))
    refused(catalog, made, "lacking of scaled runs on some calls only", UnsupportedError)
    made = table(catalog, section(Leaf("plain"), "evenly"), names=("plain", "evenly"))
    made = dataclasses.replace(made, sections=(section(Leaf("plain"), "evenly"),))
    refused(catalog, made, "runs on some calls only", UnsupportedError)


def test_a_hidden_axis_is_refused_where_it_was_varied(catalog):
    op = dataclasses.replace(
        scaled, axes={**scaled.axes, "E": "experts"}, quick={"small": {"B": 4, "S": 8, "E": 2}}
    )
    other = dataclasses.replace(catalog, ops={"scaled": op})
    varied = table(
        catalog,
        section(bounds={**BOUNDS, "E": (1.0, 8.0)}),
        contract=contract_fingerprint(op),
    )
    refused(other, varied, r"E \(experts\) can't be read off .* 1 to 8", TableError)
    fixed = table(
        catalog,
        section(bounds={**BOUNDS, "E": (2.0, 2.0)}),
        contract=contract_fingerprint(op),
    )
    dispatch("scaled", fixed, catalog=other)(*inputs(2, 2))
