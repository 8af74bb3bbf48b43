"""The catalogue as Markdown, and that the pages in docs/ are those of the code."""

import pytest

import opbench
from opbench.harness.cli.app import main
from opbench.harness.cli.catalogue_pages import write_pages
from opbench.results.errors import RunFolderError
from tests.places import ROOT
from tests.results.examples import make_run


def test_the_pages_in_docs_are_what_the_command_writes(tmp_path):
    catalog = opbench.load()
    written = {path.name: path.read_text("utf-8") for path in write_pages(catalog, (), tmp_path)}
    kept = ROOT / "docs" / "catalogue"
    assert {path.name: path.read_text("utf-8") for path in kept.glob("*.md")} == written, (
        "write them anew: opbench list --markdown docs/catalogue"
    )


def test_a_page_shows_what_is_declared(tmp_path, capsys):
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
    catalog = opbench.load(ROOT / "tests" / "loaded" / "turned.py", entry_points=False)
    (page,) = write_pages(catalog, (), tmp_path)
    text = page.read_text("utf-8")
    assert "gradients not compared" in text  # of the ties
    assert "ramp(n)" in text


def test_a_page_of_somebodys_is_not_overwritten(tmp_path):
    """None is written then, and what the command wrote itself is written anew."""
    catalog = opbench.load()
    write_pages(catalog, ("pooling",), tmp_path)
    (tmp_path / "windows.md").write_text("# windows of our house")
    (tmp_path / "pooling.md").write_text("written by `opbench list --markdown` long ago")
    with pytest.raises(RunFolderError, match=r"windows\.md isn't a page that opbench wrote"):
        write_pages(catalog, (), tmp_path)
    assert (tmp_path / "windows.md").read_text() == "# windows of our house"
    assert {path.name for path in tmp_path.iterdir()} == {"windows.md", "pooling.md"}
    write_pages(catalog, ("pooling",), tmp_path)
    assert "# pooling" in (tmp_path / "pooling.md").read_text("utf-8")


def test_no_page_is_written_into_a_run(tmp_path):
    run = make_run(tmp_path)
    with pytest.raises(RunFolderError, match="lies in the run"):
        write_pages(opbench.load(), ("pooling",), run.path / "pages")
    assert not (run.path / "pages").exists()
