"""The catalogue as Markdown, and that the pages in docs/ are those of the code."""

from pathlib import Path

import harness
from harness.cli import main
from harness.pages import write_pages

ROOT = Path(__file__).parents[2]


def test_the_pages_in_docs_are_what_the_command_writes(tmp_path):
    catalog = harness.load()
    written = {path.name: path.read_text("utf-8") for path in write_pages(catalog, (), tmp_path)}
    kept = ROOT / "docs" / "catalogue"
    assert {path.name: path.read_text("utf-8") for path in kept.glob("*.md")} == written, (
        "write them anew: opbench list --markdown docs/catalogue"
    )


def test_a_page_tells_what_is_declared(tmp_path, capsys):
    loaded = str(ROOT / "tests" / "loaded" / "turned.py")
    words = ["list", "ops", "turned", "--markdown", str(tmp_path / "pages"), "--load", loaded]
    assert main(words) == 0
    (page,) = (tmp_path / "pages").iterdir()
    assert capsys.readouterr().out == f"wrote {page}\n"
    text = page.read_text("utf-8")
    assert "turned(x)" in text
    assert "- boards: view, materialise, consume" in text
    assert "| transpose |  | view |  |  |" in text
    assert "| edge | odd | 3 | 7 |" in text
    assert "## top" not in text


def test_ops_of_other_modules_than_suites_have_pages_too(tmp_path):
    catalog = harness.load(ROOT / "tests" / "loaded" / "turned.py", entry_points=False)
    (page,) = write_pages(catalog, (), tmp_path)
    text = page.read_text("utf-8")
    assert "gradients not compared" in text  # of the ties
    assert "ramp(n)" in text
