"""`opbench show` of runs that are no race."""

import json

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records import run_folder
from tests.results.examples import info, profile


def test_a_profile_is_shown_for_people_and_for_programs(tmp_path, capsys):
    run = run_folder.create(tmp_path, info(), [profile()])

    assert main(["show", str(run.path)]) == Exit.OK
    assert "aten::bmm" in capsys.readouterr().out
    assert main(["show", str(run.path), "--json"]) == Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert found["boards"] == []
    assert found["profiles"][0]["contender"] == "einsum"


def test_a_run_of_which_nothing_is_there(tmp_path):
    run = run_folder.create(tmp_path, info())

    assert main(["show", str(run.path)]) == Exit.NOTHING


def test_of_a_run_of_which_nothing_is_there_nothing_is_published_or_exported(tmp_path, capsys):
    run = run_folder.create(tmp_path, info())

    assert main(["publish", str(run.path)]) == Exit.NOTHING
    target = tmp_path / "x.csv"
    words = ["export", str(run.path), "--format", "csv", "-o", str(target)]
    assert main(words) == Exit.NOTHING
    assert not target.exists()
    assert capsys.readouterr().err.count(str(run.path)) == 2
