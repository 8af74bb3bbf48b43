"""What is in the way is told in a line: what, where, and what to do."""

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.results.examples import make_run


def complaint(capsys, *words, code=Exit.USAGE):
    """The only line that these words lead to, on standard error."""
    assert main(words) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with a run."""
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs")
    return tmp_path


def test_a_run_without_a_record_is_told_and_not_passed(here, capsys):
    (run,) = (here / "runs").iterdir()
    (run / "records.jsonl").write_text("")
    told = complaint(capsys, "show", code=Exit.NOTHING)
    assert told == f"opbench show: nothing was recorded in runs/{run.name}"


@pytest.mark.parametrize("verb", ["show", "publish", "dashboard"])
def test_an_empty_name_is_not_the_latest_run(here, capsys, verb):
    """As of a variable of the shell that was never set."""
    told = complaint(capsys, verb, "")
    assert told == f"opbench {verb}: . is not a run: it has no run.json"


def test_of_an_expression_that_never_ends_the_beginning_is_told(here, capsys):
    told = complaint(capsys, "show", "-k", "(" * 5000)
    assert told.startswith("opbench show: -k '((((")
    assert told.endswith("…' is not an expression: use names with and, or, not and parentheses")
    assert len(told) < 200


def test_a_link_to_itself_is_no_run(here, capsys):
    (here / "loop").symlink_to("loop")
    told = complaint(capsys, "show", "loop")
    assert told == "opbench show: loop cannot be read: Too many levels of symbolic links"


def test_pages_go_into_a_folder(here, capsys):
    (here / "file").write_text("mine")
    told = complaint(capsys, "list", "--markdown", "file")
    assert told == "opbench list: file is a file; name a folder for the pages"
    assert (here / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["", ".", "./", "..", "/dev/null", "folder/module"])
def test_what_names_no_module_is_told_as_that(here, capsys, name):
    told = complaint(capsys, "list", "ops", "--load", name)
    assert f"{name!r} names no module: give package.module, or a .py file" in told
