"""From evidence to causes: which is named, how large its share is, and that shares add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opbench.results.explaining.parts import parts_of
from opbench.results.records import codec
from opbench.results.records.validation import is_sound
from opbench.results.report.explanations import brief_of, cause_lines, headline, notes
from tests.results.explanations import evidence, explained, use

MUL = use("aten::mul", 1e-3)


def kinds(explanation):
    """The kinds of causes, in order."""
    return [cause.kind for cause in explanation.causes]


def first(slow, fast, **more):
    """The kind of the first cause of two contenders' operators."""
    return explained(evidence("slow", *slow), evidence("fast", *fast), **more).causes[0]


@pytest.mark.parametrize(
    ("kind", "slow", "fast"),
    [
        ("copy", [MUL, use("aten::copy_", 1e-3, path=("aten::clone",))], [MUL]),
        (
            "conversion",
            [MUL, use("aten::copy_", 1e-3, path=("aten::to", "aten::_to_copy"))],
            [MUL],
        ),
        ("dtype", [use("aten::mm", 3e-3, dtypes=("float64",))], [use("aten::mm", 1e-3)]),
        (
            "index dtype",
            [use("aten::index_select", 3e-3, dtypes=("float32", "int64"))],
            [use("aten::index_select", 1e-3, dtypes=("float32", "int32"))],
        ),
        ("layout", [use("aten::add", 3e-3, strides=((1, 1000),))], [use("aten::add", 1e-3)]),
        (
            "fusion",
            [use("aten::exp", 1e-3), use("aten::add", 1e-3), use("aten::log", 1e-3)],
            [use("aten::logsumexp", 1e-3)],
        ),
        (
            "temporary",
            [
                use("aten::mul", 1e-3, sizes=((1000, 1, 1000),)),
                use("aten::sum", 3e-3, sizes=((90, 1000, 1000),)),
            ],
            [use("aten::mm", 1e-3)],
        ),
        ("scatter", [use("aten::index_put_", 5e-3)], [use("aten::segment_reduce", 1e-3)]),
        ("allocation", [MUL, use("aten::fill_", 1e-3, path=("aten::zeros",))], [MUL]),
        ("recomputation", [use("aten::exp", 2e-3, calls=2.0)], [use("aten::exp", 1e-3)]),
        (
            "synchronisation",
            [use("aten::item", 1e-3, calls=400.0), use("aten::select", 1e-3, calls=400.0)],
            [use("aten::sum", 1e-4)],
        ),
        (
            "python",
            [use("aten::sum", 1e-3, calls=200.0), use("aten::select", 1e-3, calls=200.0)],
            [use("aten::sum", 1e-4)],
        ),
        ("operator", [use("aten::mul", 3e-3)], [MUL]),
    ],
)
def test_what_differs_is_named_first(kind, slow, fast):
    cause = first(slow, fast)

    assert cause.kind == kind
    assert cause.share > 0.5
    assert cause.evidence


@pytest.mark.parametrize(
    ("kind", "slow", "fast"),
    [
        ("denormals", {"flushed_ratio": 0.4}, {"flushed_ratio": 1.0}),
        ("threads", {"threads_1_ratio": 1.0}, {"threads_1_ratio": 1.9}),
        ("page faults", {"retained_ratio": 0.5, "faults": 9000.0}, {"faults": 0.0}),
    ],
)
def test_what_the_whole_call_saves_is_named(kind, slow, fast):
    both = explained(
        evidence("slow", use("aten::mul", 2e-3), figures=slow),
        evidence("fast", MUL, figures=fast),
    )

    assert kinds(both)[0] == kind


def test_an_operator_of_the_own_machine_code_without_vectors():
    both = explained(
        evidence("slow", use("mine::apply", 4e-3), figures={"packed_share": 0.0}),
        evidence("fast", use("mine::run", 1e-3), figures={"packed_share": 0.9}),
    )

    assert kinds(both) == ["vectorisation"]


def test_a_graph_break_takes_what_lies_between_the_graphs():
    both = explained(
        evidence(
            "slow", use("Torch-Compiled Region", 2e-3, calls=2.0), figures={"graph_breaks": 1}
        ),
        evidence("fast", use("CompiledFxGraph", 1e-3), figures={"graph_breaks": 0}),
    )

    assert kinds(both) == ["graph break"]


@pytest.mark.parametrize("ratio", [1.0, 1.01, 1.019])
def test_no_difference_has_no_cause(ratio):
    slow, fast = evidence("a", MUL), evidence("b", use("aten::copy_", 1e-3))
    both = explained(slow, fast, ratio=ratio, width=0.0005)

    assert both.difference == "none"
    assert both.causes == ()
    assert headline(both).startswith("no difference between a and b")


@pytest.mark.parametrize(("ratio", "rows", "named"), [(1.04, 900, 0), (1.04, 9, 1), (1.2, 900, 1)])
def test_alike_in_fresh_memory_a_small_difference_has_no_cause(ratio, rows, named):
    same = use("aten::mul", 1e-3, sizes=((rows, 1000),))
    slow, fast = evidence("a", same), evidence("b", same)
    both = explained(slow, fast, ratio=ratio, width=0.005)

    assert both.difference == "slower"
    assert len(both.causes) == named
    assert sum(cause.share for cause in both.causes) + both.unexplained == pytest.approx(1)


def test_an_interval_that_holds_1_is_undecided():
    slow, fast = evidence("a", MUL), evidence("b", use("aten::copy_", 1e-3))
    both = explained(slow, fast, ratio=1.2, width=0.3)

    assert both.difference == "undecided"
    assert both.causes == ()
    assert "--budget" in headline(both)


def test_profiling_many_small_operators_costs_time_that_is_left_out():
    small = use("aten::add", 1e-3, calls=1000.0)
    watched = evidence("a", small, time_s=4e-4, figures={"event_overhead_s": 6e-7})
    call = parts_of(watched)

    assert call.overhead_s == pytest.approx(6e-4, rel=0.1)
    assert sum(part.seconds for part in call.parts) + call.outside_s == pytest.approx(4e-4)


def test_without_a_profile_what_the_whole_call_shows_is_still_named():
    crashed = (("operators", "it crashed: killed by SIGSEGV"),)
    slow = evidence("slow", time_s=2e-3, figures={"flushed_ratio": 0.3}, missing=crashed)
    both = explained(slow, evidence("fast", time_s=1e-3, figures={"flushed_ratio": 1.0}))

    assert "denormals" in kinds(both)
    assert "operators: slow: it crashed: killed by SIGSEGV" in list(notes(both))


NAMES = st.sampled_from(
    ["aten::mul", "aten::copy_", "aten::sum", "aten::item", "aten::index_add_", "mine::op"]
)
USES = st.lists(
    st.builds(
        use,
        NAMES,
        st.floats(1e-7, 1e-2),
        calls=st.sampled_from([1.0, 2.0, 50.0]),
        dtypes=st.sampled_from([("float32",), ("float64",)]),
    ),
    max_size=8,
)
FIGURES = st.dictionaries(
    st.sampled_from(["flushed_ratio", "retained_ratio", "threads_1_ratio", "packed_share"]),
    st.floats(0.1, 2.0),
)


# A few percent between calls of the same operators have no cause: all of it is unexplained then.
@given(slow=USES, fast=USES, of_slow=FIGURES, of_fast=FIGURES, ratio=st.floats(1.06, 50.0))
def test_shares_and_the_rest_make_the_whole(slow, fast, of_slow, of_fast, ratio):
    both = explained(
        evidence("slow", *slow, figures=of_slow),
        evidence("fast", *fast, figures=of_fast),
        ratio=ratio,
    )

    assert sum(cause.share for cause in both.causes) + both.unexplained == pytest.approx(1)
    assert abs(both.unexplained) <= 0.05 * 18
    assert sum(cause.seconds for cause in both.causes) == pytest.approx(
        (1 - both.unexplained) * (both.slower.time_s - both.faster.time_s), abs=1e-12
    )
    assert codec.loads(codec.dumps(both)) == both
    assert is_sound(both)
    assert list(cause_lines(both))
    assert brief_of(both)


def test_what_is_alike_in_both_is_no_cause():
    shared = [use(f"aten::op{number}", 1e-3) for number in range(5)]
    both = explained(evidence("slow", *shared, MUL), evidence("fast", *shared))

    assert [cause.operators for cause in both.causes] == [("aten::mul",)]


def test_numbers_that_no_cause_is_charged_with_are_shown():
    figures = {"cold_ratio": 3.5, "simulated_instructions": 1234567.0}
    both = explained(
        evidence("slow", use("aten::mul", 3e-3), figures=figures), evidence("fast", MUL)
    )
    said = list(notes(both))

    assert "instructions of a call, by callgrind: slow 1.235e+06" in said
    assert any(line.endswith("of the time with warm ones: slow 3.5 times") for line in said)


def test_the_place_on_the_roofline_is_said_where_the_ceilings_are_known():
    figures = {"ceiling_s": 5e-4}
    both = explained(
        evidence("slow", use("aten::mul", 3e-3), figures=figures), evidence("fast", MUL)
    )
    slow, fast = (5e-4 / one.time_s for one in (both.slower, both.faster))

    said = (
        f"of the machine's ceiling, 500 µs for what is declared: slow {slow:.0%}, fast {fast:.0%}"
    )
    assert said in list(notes(both))


@pytest.mark.parametrize(("outside", "is_said"), [(1e-6, True), (2e-3, False)])
def test_a_declared_cost_that_operators_undercut_is_contradicted(outside, is_said):
    figures = {"traffic_bytes": 8e6, "compulsory_bytes": 16e6}
    both = explained(
        evidence("slow", use("aten::mul", 3e-3), outside=outside, figures=figures),
        evidence("fast", MUL, outside=outside, figures=figures),
    )

    assert any("is contradicted" in line for line in notes(both)) == is_said
