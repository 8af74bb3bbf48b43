"""Who wins a chain whole, and who its parts' own races would have taken."""

import math

import pytest

from opbench.results.choosing.company import (
    Part,
    company_document,
    company_notes,
    company_of,
    company_table,
)
from opbench.results.choosing.situations import Row, Time
from opbench.results.statistics.interval import Interval

MADE_OF = {f"{a}+{b}": (a, b) for a in ("cat", "copy") for b in ("mm", "einsum")}
#: In company einsum gains by what copy leaves, and mm loses by it.
WHOLE = {"fused": 8.0, "cat+mm": 12.0, "cat+einsum": 13.0, "copy+mm": 20.0, "copy+einsum": 10.0}
MERGING, LINEAR = {"cat": 6.0, "copy": 5.0}, {"mm": 4.0, "einsum": 5.0, "unchained": 1.0}


def row(times, shape="wide", width=0.01):
    """A row of some times, each known within 1%."""
    best = min(times.values())
    return Row(
        shape=shape,
        axes={"N": 4.0},
        times={
            name: Time(
                time_s=time,
                ratio=Interval(time / best, time / best - width, time / best + width),
                halves=(math.log(time / best),) * 2,
            )
            for name, time in times.items()
        },
    )


def parts(merging=MERGING, linear=LINEAR):
    """The parts' own rows; None for one that wasn't raced."""
    return (
        Part(op="merging", shape="N=4", row=merging and row(merging)),
        Part(op="linear", shape="N=2", row=linear and row(linear)),
    )


def company(whole=WHOLE, names=tuple(WHOLE), **alone):
    return company_of(row(whole), names, MADE_OF, parts(**alone))


def test_the_best_parts_alone_lose_in_company():
    found = company()
    assert (found.best, found.composed, found.picked) == ("fused", "copy+einsum", "copy+mm")
    assert found.loses
    assert found.ratios["copy+mm"].value == 2.5
    assert found.ratios["copy+mm"].low == pytest.approx(2.49)


def test_the_best_parts_alone_win_in_company_too():
    found = company({**WHOLE, "copy+mm": 7.0})
    assert (found.best, found.composed, found.picked) == ("copy+mm",) * 3
    assert not found.loses


def test_a_loss_within_the_noise_is_none():
    times = {**WHOLE, "copy+mm": 8.2}
    found = company_of(row(times, width=0.03), tuple(WHOLE), MADE_OF, parts())
    assert (found.best, found.picked) == ("fused", "copy+mm")
    assert not found.loses


def test_what_may_not_be_chosen_is_not_compared_with():
    found = company(names=tuple(name for name in WHOLE if name not in ("fused", "cat+mm")))
    assert found.best == "copy+einsum"
    # The race knows the ratio to the fused one, which was the best.
    assert found.ratios["copy+mm"].value == 2.0
    assert found.ratios["copy+mm"].low == pytest.approx(2.49 / 1.25)


@pytest.mark.parametrize("linear", [None, {"mm": 4.0}])
def test_a_part_that_was_not_raced_alone_is_asked_for(linear):
    found = company(linear=linear)
    assert (found.composed, found.picked) == ("copy+einsum", "")
    assert list(company_notes([found])) == [
        "linear wasn't raced alone on what it gets here: opbench run linear --shape N=2"
    ]


def test_the_table_and_what_it_says():
    shapes = [company(), company({**WHOLE, "copy+mm": 7.0}), company(merging=None)]
    table = company_table("merge_linear", shapes)
    assert table.title == "merge_linear · whole, and by its parts"
    assert [line[1] for line in table.rows] == ["fused", "copy+mm", "fused"]
    assert table.rows[0][2:] == (
        "copy+einsum",
        "1.25x [1.24, 1.26]",
        "copy+mm",
        "2.50x [2.49, 2.51]",
    )
    assert table.rows[1][2:] == ("copy+mm", "1.00x", "copy+mm", "1.00x")
    assert table.rows[2][4:] == ("-", "-")
    first, second = company_notes(shapes)
    assert first == "who wins alone was shown to lose in company on 1 of 2 shapes: wide"
    assert second.startswith("merging wasn't raced alone")


def test_a_chain_without_a_composed_contender():
    found = company(names=("fused",))
    assert (found.best, found.composed, found.picked) == ("fused", "", "")
    assert company_table("", [found]).rows == (("wide", "fused", "-", "-", "-", "-"),)


def test_as_json_has_it():
    found = company_document(company())
    assert found["picked"] == "copy+mm"
    assert found["loses"] is True
    assert found["ratios"]["best"] == [1.0, 1.0, 1.0]
    assert found["ratios"]["picked"][0] == 2.5
    assert set(company_document(company(linear=None))["ratios"]) == {"best", "composed"}
