"""Pictures: pages of many cases, many contenders, one sample."""

from __future__ import annotations

from opbench.dashboards.heatmap import MOST_COLUMNS, MOST_PICTURES, MOST_ROWS, heat_maps
from opbench.dashboards.pictures import MOST_OPS, entries
from opbench.dashboards.sizes import sizes
from opbench.dashboards.view import views
from tests.results.examples import case, measured, record


def test_many_cases_are_split_over_pages_and_the_first_are_drawn():
    (view,) = views(record(on=case(shape=f"s{n}")) for n in range(MOST_ROWS + 1))
    assert len(heat_maps(view)) == 2
    (view,) = views(record(on=case(shape=f"s{n}")) for n in range(MOST_ROWS * 9))
    assert len(heat_maps(view)) == MOST_PICTURES


def test_of_many_contenders_those_near_the_best_are_drawn():
    many = [record(f"c{n:02}", measured((n + 1) * 1e-4, seed=n)) for n in range(12)]
    (view,) = views([*many, record("c00", measured(bytes=5), case(shape="other", size=9))])
    (figure,) = heat_maps(view)
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert names == [f"c{n:02}" for n in range(MOST_COLUMNS)]
    assert f"{MOST_COLUMNS} of 12 contenders" in figure.texts[1].get_text()


def test_no_more_ops_have_pictures_than_are_drawn_in_a_while():
    every = views(record(on=case(op=f"op{n:02}")) for n in range(MOST_OPS + 3))
    assert len([*entries(every)]) == MOST_OPS


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
