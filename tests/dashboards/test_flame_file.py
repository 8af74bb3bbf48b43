"""Flame graphs as files, of one trace and of two."""

import json

import pytest

from opbench.dashboards.flame_file import read_graph, write_flame
from opbench.results.errors import RunFolderError, SelectionError
from tests.dashboards.plugin.stock import write_trace


@pytest.fixture
def graphs(tmp_path):
    """Of two traces, the second with an operator more."""
    write_trace(tmp_path / "one.json", ("aten::zeros", "aten::bmm"))
    write_trace(tmp_path / "two.json", ("aten::zeros", "aten::bmm", "aten::<b>copy</b>"))
    return [read_graph(name, tmp_path / f"{name}.json") for name in ("one", "two")]


def test_speedscope_has_every_path_with_its_own_time(graphs, tmp_path):
    write_flame(graphs, tmp_path / "out.speedscope.json")
    document = json.loads((tmp_path / "out.speedscope.json").read_text())
    names = [frame["name"] for frame in document["shared"]["frames"]]
    first = document["profiles"][0]

    assert [one["name"] for one in document["profiles"]] == ["one", "two"]
    assert sum(first["weights"]) == pytest.approx(first["endValue"])
    paths = [tuple(names[n] for n in sample) for sample in first["samples"]]
    assert ("call", "aten::zeros") in paths or ("call", "aten::zeros", "aten::bmm") in paths


def test_a_page_shows_both_and_reads_no_name_as_html(graphs, tmp_path):
    write_flame(graphs, tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()

    assert page.count("per call</h2>") == 2
    assert "aten::&lt;b&gt;copy" in page
    assert "<b>copy" not in page
    assert "#bbb" in page
    assert "<script" not in page


@pytest.mark.parametrize("name", ["out.svg", "out", "out.html.txt"])
def test_another_format_is_refused(graphs, tmp_path, name):
    with pytest.raises(SelectionError, match="end its name with"):
        write_flame(graphs, tmp_path / name)


def test_what_cannot_be_read_or_written_is_named(graphs, tmp_path):
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_graph("none", tmp_path / "none.json")
    with pytest.raises(RunFolderError, match="there is no folder"):
        write_flame(graphs, tmp_path / "none" / "out.html")
