"""Leaderboards in a terminal: what decides, notes once, advice."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from opbench.harness.cli.board_text import columns, draw_boards, line
from opbench.harness.cli.drawing import ColumnChoice
from opbench.results.ranking.leaderboard import board, boards
from opbench.results.records import Failed, Unsupported, Wrong
from opbench.results.report.leaderboard import COLUMNS
from tests.harness.cli.test_layout import NAMES, WIDTHS
from tests.results.examples import case, measured, record

CAVEAT = (("nonfinite", "0 * NaN leaks"),)
RECORDS = [
    record(name, outcome, on, caveats=CAVEAT if name == "einsum" else (), compiled=name == "cpp")
    for on in (case(), case(shape="large", size=1 << 18))
    for name, outcome in (
        ("cpp", measured(1e-4, seed=1)),
        ("einsum", measured(2e-4, seed=2)),
        ("torch", measured(3e-4, seed=3)),
        ("planted", Wrong("value", "is off by 31 tolerances", 31.0)),
        ("triton", Unsupported("no GPU")),
        ("nested", Unsupported("no GPU")),
    )
]


@pytest.fixture
def printed(capsys, monkeypatch):
    """Draws records as leaderboards in a width, and returns the lines that were printed."""

    def lines(records, choice=None, *, width="80"):
        monkeypatch.setenv("COLUMNS", width)
        draw_boards(boards(records), records, choice or ColumnChoice())
        return capsys.readouterr().out.splitlines()

    return lines


def test_a_leaderboard_at_80_columns(printed):
    title, heading, rule, *rows = printed(RECORDS[:6])
    assert title == "patch_pooling · small normal float32 forward · B=8 S=1024"
    assert heading.split() == ["contender", "time", "1.00x", "3.05x", "ratio", "verdict", "ceiling"]
    assert set(rule) == {"─", " "}
    assert [row.split()[0] for row in rows[:4]] == ["cpp", "einsum", "torch", "planted"]
    assert rows[1].endswith("[1]")
    assert rows[3].split()[-2:] == ["-", "[2]"]
    assert rows[4] == "unsupported: nested, triton (no GPU)"
    assert rows[5].startswith("use cpp: at least 2.9 times as fast as torch's own; without")
    assert rows[6] == "  which takes at most 3.1 times as long"
    assert "[1] nonfinite: 0 * NaN leaks" in rows
    assert "[2] is off by 31 tolerances" in rows


def test_a_note_stands_once_below_the_leaderboards_of_an_op(printed):
    lines = printed(RECORDS)
    assert sum("0 * NaN leaks" in one for one in lines) == 1
    assert sum(one.rstrip().endswith("[1]") for one in lines) == 2
    last = max(number for number, one in enumerate(lines) if one.startswith("patch_pooling"))
    assert lines.index("[1] nonfinite: 0 * NaN leaks") > last


def test_the_rest_is_there_if_chosen(printed):
    wide = printed(RECORDS[:6], ColumnChoice(is_wide=True))
    assert all(name in wide[1] for name in COLUMNS if name != "note")
    chosen = printed(RECORDS[:6], ColumnChoice(("contender", "note", "samples")))
    assert chosen[1].split() == ["contender", "note", "samples"]
    assert "[1]" not in "".join(chosen)
    assert set(COLUMNS) < set(columns())


def test_where_nothing_is_supported_there_is_no_table(printed):
    title, unsupported, _ = printed([record("triton", Unsupported("no GPU"))])
    assert unsupported == "unsupported: triton (no GPU)"
    assert title.startswith("patch_pooling")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(NAMES, min_size=2, max_size=5, unique=True), WIDTHS)
def test_leaderboards_of_any_names_stay_in_the_width(printed, names, width):
    records = [record(name, measured(1e-4 * (n + 1), seed=n)) for n, name in enumerate(names)]
    records[-1] = record(names[-1], Failed("prepare", f"ValueError: {names[0]}"))
    lines = printed(records, width=str(width))
    rule = next(number for number, one in enumerate(lines) if one.startswith("─"))
    rows = lines[rule + 1 : rule + 1 + len(names)]
    assert max(map(cell_len, lines)) <= width
    assert all("x" in row for row in rows[:-1])
    assert " failed " in f"{rows[-1]} "


def test_a_case_in_a_line():
    one = board(case(), RECORDS[:6])
    assert line(one).startswith("patch_pooling small normal float32 forward: cpp ")
    assert "; einsum 2.0" in line(one)
    assert line(one).endswith("slower; wrong: planted")
    nothing = board(case(), [record("triton", Unsupported("no GPU"))])
    assert line(nothing).endswith(": nothing was measured")
