"""Tables as they are printed: the width of the output, titles, the choice of columns."""

import io
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from opbench.harness.cli.drawing import ColumnChoice, draw, frame_of_output, say
from opbench.harness.cli.layout import BAR
from opbench.results.errors import SelectionError
from opbench.results.regression.verdicts import Finding
from opbench.results.report.findings import COLUMNS, findings_table
from opbench.results.report.table import Table
from opbench.results.statistics.interval import Interval
from tests.harness.cli.test_layout import NAMES, WIDTHS
from tests.results.examples import case


def finding(contender="index_add", **fields):
    values = {"case": case(), "verdict": "slower", "ratio": Interval(1.25, 1.2, 1.3)}
    values |= {"units": 9, "method": "twins", "role": "screen", "spread": 0.01, "detectable": 0.02}
    return Finding(contender=contender, **values | fields)


@pytest.fixture
def printed(capsys, monkeypatch):
    """Draws in a width, and returns the lines that were printed."""

    def lines(tables, choice=None, *, width="80"):
        monkeypatch.setenv("COLUMNS", width)
        draw(tables, choice)
        return capsys.readouterr().out.splitlines()

    return lines


def test_columns_is_honoured_where_nothing_is_a_terminal(monkeypatch):
    for given_width, width in [("90", 90), ("7", 40), ("", 100), ("wide", 100), ("9" * 20, 100)]:
        monkeypatch.setenv("COLUMNS", given_width)
        assert frame_of_output().width == width


def test_an_output_without_lines_gets_others(monkeypatch):
    for encoding, plain in [("ascii", True), ("latin-1", True), ("utf-8", False)]:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        assert (frame_of_output().marks.value == "o") == plain


def test_what_all_rows_share_stands_in_the_title(printed):
    others = [finding("one"), finding("two", case=case(shape="large"))]
    title, heading, *_ = printed([findings_table(others)])
    assert title == "head against base · patch_pooling · normal float32 forward"
    assert heading.split()[:3] == ["case", "contender", "verdict"]


def test_a_bar_shows_the_ratio_and_more_columns_are_there_if_chosen(printed):
    table = findings_table([finding()])
    assert "●" in "".join(printed([table]))
    assert "9 twins" not in "".join(printed([table]))
    wide = printed([table], ColumnChoice(is_wide=True), width="40")
    assert all(name in wide[1] for name in COLUMNS)
    assert "9 twins" in wide[3]


def test_chosen_columns_are_drawn_in_their_order(printed):
    choice = ColumnChoice(("units", "contender", BAR))
    _, heading, _, row, _ = printed([findings_table([finding()])], choice)
    assert heading.split()[:2] == ["units", "contender"]
    assert row.startswith("9 twins  index_add")


def test_a_table_that_has_none_of_the_chosen_columns_is_whole(printed):
    other = Table("others", ("status", "why"), (("gone", "nobody knows"),))
    lines = printed([other], ColumnChoice(("ratio",)))
    assert "gone" in lines[3]


def test_an_unknown_column_is_refused_with_the_nearest():
    with pytest.raises(SelectionError, match=r"no column 'ration' .did you mean 'ratio'"):
        ColumnChoice(("ration",)).ensure_known(COLUMNS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(NAMES, min_size=1, max_size=4), WIDTHS)
def test_findings_of_any_names_stay_in_the_width(printed, names, width):
    rows = [finding(name, case=case(op=name, shape=name)) for name in names]
    lines = printed([findings_table(rows)], width=str(width))
    rule = next(number for number, line in enumerate(lines) if line.startswith("─"))
    assert len(lines) == rule + 1 + len(names) + 1
    assert max(map(cell_len, lines)) <= width


def test_a_sentence_is_folded_between_words(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    say("use this contender, since it is faster than all the others\x1b[2J", indent="  ")
    first, second = capsys.readouterr().out.splitlines()
    assert first == "use this contender, since it is faster"
    assert second == r"  than all the others\x1b[2J"
