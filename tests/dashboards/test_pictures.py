"""Pictures: pages of many cases, many contenders, one sample."""

from __future__ import annotations

from opbench.dashboards.heatmap import heat_maps
from opbench.dashboards.sizes import sizes
from opbench.dashboards.view import views
from tests.results.examples import case, measured, record


def test_many_cases_are_split_over_pages():
    (view,) = views(record(on=case(shape=f"s{n}")) for n in range(61))

    assert len(heat_maps(view)) == 3


def test_the_cells_of_a_heat_map():
    (view,) = views(
        [
            record("best", measured(1e-4, seed=1)),
            record("slow", measured(5e-4, seed=2)),
            record("unclear", measured(1.02e-4, range(6), noise=0.1, seed=4)),
        ]
    )
    (figure,) = heat_maps(view)

    cells = {text.get_text() for text in figure.axes[0].texts}
    assert "1.00x" in cells
    assert any(cell.endswith(" ?") for cell in cells)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [
        "best",
        "unclear",
        "slow",
    ]


def test_lines_have_intervals_and_one_sample_has_none():
    (view,) = views(
        [
            record("sure", measured(1e-4, bytes=100), case(size=1)),
            record("sure", measured(2e-4, bytes=200), case(size=2)),
            record("once", measured(3e-4, range(1), bytes=100), case(size=1)),
        ]
    )
    figure = sizes(view)["forward float32"]
    once, sure = sorted(figure.axes[0].containers, key=lambda line: line.get_label())

    def heights(line):
        return [abs(top - bottom) for (_, bottom), (_, top) in line.lines[2][0].get_segments()]

    assert all(height > 0 for height in heights(sure))
    assert heights(once) == [0]
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"


def test_one_size_has_no_picture():
    (view,) = views([record()])

    assert sizes(view) == {}
