"""Tables of any width and any names: a line a row, numbers whole."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from opbench.harness.cli.bars import LINES
from opbench.harness.cli.layout import BAR, DECISIVE, Frame, cut, lines, printable
from opbench.results.report.table import Table
from opbench.results.statistics.interval import Interval

WIDTHS = st.integers(40, 200)
#: What people and programs call contenders: long, alike, wide, obeyed by terminals.
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.sampled_from(
        [
            "compile_scatter_add_dynamic_shapes",
            "compile_scatter_mul_dynamic_shapes",
            "\x1b[2J\x1b[31mred",
            "a\nb\r\tc",
            "\u202egnp",
            "平均池化" * 12,
            "👩‍🔬️" * 9,
            "e\u0301" * 30,
            "x" * 300,
            "[bold]not markup[/bold]",
        ]
    ),
)
COLUMNS = ("contender", "time", "ratio", "interval", "verdict", "ceiling", "samples")
RATIO = Interval(12.34, 10.0, 20.0)
CELLS = ("1.17 ms", "12.34x", "[10.00, 20.00]", "undecided", "36% memory", "37")


def table(names):
    rows = tuple((name, *CELLS) for name in names)
    return Table("a title", COLUMNS, rows, (RATIO,) * len(rows))


def shown(*more):
    return (
        tuple(name for name in ("contender", "time", BAR, *COLUMNS[2:]) if name in DECISIVE) + more
    )


@given(st.lists(NAMES, min_size=1, max_size=6), WIDTHS)
def test_no_line_is_wider_than_asked_and_no_row_is_folded(names, width):
    drawn = lines(table(names), shown(), Frame(width=width))
    assert len(drawn) == 2 + len(names)
    assert max(map(cell_len, drawn)) <= width
    assert all(line.isprintable() for line in drawn)


@given(st.lists(NAMES, min_size=1, max_size=6), WIDTHS)
@example(["0000000000000", "0000000100000"], 40)
def test_what_decides_is_there_and_numbers_are_whole(names, width):
    drawn = lines(table(names), shown(), Frame(width=width))
    for number in ("1.17 ms", "12.34x", "undecided"):
        assert all(number in line for line in drawn[2:])


@given(st.lists(NAMES, min_size=1, max_size=6), st.integers(80, 200))
def test_at_80_columns_the_bar_and_the_ceiling_are_there_for_names_that_are_not_alike(names, width):
    drawn = lines(
        table([f"{n}{name}"[:16] for n, name in enumerate(names)]), shown(), Frame(width=width)
    )
    if all(cell_len(printable(f"{n}{name}"[:16])) <= 16 for n, name in enumerate(names)):
        assert "●" in drawn[2]
        assert "36% memory" in drawn[2]


@given(st.lists(NAMES, min_size=2, max_size=6, unique=True), st.integers(80, 200))
def test_different_names_look_different(names, width):
    printed = {printable(name) for name in names}
    drawn = lines(table(sorted(printed)), shown(), Frame(width=width))
    contenders = {line[: len(drawn[1].split(" ")[0])] for line in drawn[2:]}
    if all(name.isascii() for name in printed):
        assert len(contenders) == len(printed)


def test_columns_stand_below_each_other():
    heading, rule, *rows = lines(table(["one", "another"]), shown(), Frame(width=80))
    place = heading.index("verdict")
    assert all(row[place:].startswith("undecided") for row in rows)
    assert rule[place - 1] == " "
    assert heading.startswith("contender")


def test_a_column_that_does_not_fit_is_left_out_whole():
    heading = lines(table(["one"]), COLUMNS, Frame(width=40))[0]
    assert heading.split() == ["contender", "time", "ratio", "verdict"]


def test_without_a_width_everything_is_there():
    drawn = lines(table(["x" * 300]), COLUMNS, Frame(width=0))
    assert "x" * 300 in drawn[2]
    assert "[10.00, 20.00]" in drawn[2]


@pytest.mark.parametrize(
    ("text", "width", "middle", "left"),
    [
        ("short", 10, True, "short"),
        ("compile_scatter_add", 11, True, "compi…r_add"),
        ("The mean of each week", 12, False, "The mean of…"),
        ("平均池化平均池化", 7, True, "平 …化 "),
    ],
)
def test_what_is_left_of_a_long_text(text, width, middle, left):
    assert cell_len(cut(text, width, middle=middle)) <= width
    if text.isascii():
        assert cut(text, width, middle=middle) == left


def test_what_a_terminal_obeys_or_an_encoding_lacks_is_escaped():
    assert printable("\x1b[31m\n\u202e") == r"\x1b[31m\n\u202e"
    assert printable("µs 平", "latin-1") == r"µs \u5e73"
    assert printable("\udcff") == r"\udcff"
    assert cut("x" * 50, 5, mark=LINES.cut) == "xxxx…"
