"""The page's files and the charting library have addresses with a version."""

import gzip

from opbench.dashboards.plugin import static_files as module
from opbench.dashboards.plugin.static_files import static_files


def test_the_page_and_the_charting_library_are_there():
    files = static_files()
    assert {"index.js", "style.css", "views/leaderboard.js", "plotly.min.js"} <= set(files.files)
    path = files.files["index.js"].path
    assert gzip.decompress(files.compressed("index.js")) == path.read_bytes()


def test_the_version_changes_with_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_FOLDER", tmp_path)
    (tmp_path / "index.js").write_text("one")
    before = static_files().version
    assert static_files().version == before
    (tmp_path / "index.js").write_text("two")
    assert static_files().version != before


def test_without_the_charting_library_the_rest_is_there(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert "plotly.min.js" not in static_files().files
    assert "index.js" in static_files().files
