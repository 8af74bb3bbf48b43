"""Messages of errors are one line: what is wrong, where, and what to do."""

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.results.examples import make_run


def complaint(capsys, *words, code=Exit.USAGE):
    """The only line that a command line leads to, on standard error."""
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


def test_a_run_without_a_record_is_reported_and_does_not_pass(here, capsys):
    (run,) = (here / "runs").iterdir()
    (run / "records.jsonl").write_text("")
    line = complaint(capsys, "show", code=Exit.NOTHING)
    assert line == f"opbench show: nothing was recorded in runs/{run.name}"


@pytest.mark.parametrize("verb", ["show", "publish", "dashboard"])
def test_an_empty_name_is_not_the_latest_run(here, capsys, verb):
    """As of a variable of the shell that was never set."""
    line = complaint(capsys, verb, "")
    assert line == f"opbench {verb}: . is not a run: it has no run.json"


def test_an_endless_expression_is_shortened(here, capsys):
    line = complaint(capsys, "show", "-k", "(" * 5000)
    assert line.startswith("opbench show: -k '((((")
    assert "…' is not an expression: use names with and, or, not and parentheses" in line
    assert len(line) < 200


def test_a_link_to_itself_is_no_run(here, capsys):
    (here / "loop").symlink_to("loop")
    line = complaint(capsys, "show", "loop")
    assert line == "opbench show: loop cannot be read: Too many levels of symbolic links"


def test_pages_go_into_a_folder(here, capsys):
    (here / "file").write_text("mine")
    line = complaint(capsys, "list", "--markdown", "file")
    assert line == "opbench list: file is a file; name a folder for the pages"
    assert (here / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["", ".", "./", "..", "/dev/null", "folder/module"])
def test_a_name_of_no_module_is_called_so(here, capsys, name):
    line = complaint(capsys, "list", "ops", "--load", name)
    assert f"{name!r} names no module: give package.module, or a .py file" in line
