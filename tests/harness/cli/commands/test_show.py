"""`opbench show` of runs that are no race, and of the tracebacks of a run."""

import json

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records import Failed, Started, Uncompared, Unpaired, run_folder
from tests.results.examples import case, info, profile, record

RAISED = Failed(
    "prepare", "ValueError: no luck", "Traceback …\n  in its source\nValueError: no luck"
)


def test_a_profile_is_shown_for_people_and_for_programs(tmp_path, capsys):
    run = run_folder.create(tmp_path, info(), [profile()])

    assert main(["show", str(run.path)]) == Exit.OK
    assert "aten::bmm" in capsys.readouterr().out
    assert main(["show", str(run.path), "--json"]) == Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert found["boards"] == []
    assert found["profiles"][0]["contender"] == "einsum"


def test_an_empty_run_exits_with_6(tmp_path):
    run = run_folder.create(tmp_path, info())

    assert main(["show", str(run.path)]) == Exit.NOTHING


@pytest.mark.parametrize("lines", [[], [Started(contender="loop", case=case())]])
def test_an_empty_run_is_neither_published_nor_exported(tmp_path, capsys, lines):
    run = run_folder.create(tmp_path, info(), lines)

    assert main(["publish", str(run.path)]) == Exit.NOTHING
    target = tmp_path / "x.csv"
    words = ["export", str(run.path), "--format", "csv", "-o", str(target)]
    assert main(words) == Exit.NOTHING
    assert not target.exists()
    assert capsys.readouterr().err.count(str(run.path)) == 2


@pytest.fixture
def failed(tmp_path):
    """A run of which a contender failed on one case, and ran on another."""
    lines = [record("loop", RAISED), record("loop", on=case(shape="large")), record("einsum")]
    return run_folder.create(tmp_path, info(), lines).path


def test_the_traceback_of_a_contender_that_failed(failed, capsys):
    assert main(["show", str(failed), "--traceback", "loop"]) == Exit.FAILED
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("loop on patch_pooling small normal float32 forward: prepare:")
    assert rest == RAISED.traceback.splitlines()


def test_tracebacks_as_json(failed, capsys):
    assert main(["show", str(failed), "--traceback", "loop", "--json"]) == Exit.FAILED
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert failure["contender"] == "loop"
    assert failure["failed"]["traceback"] == RAISED.traceback


@pytest.mark.parametrize(
    ("contender", "code", "message"),
    [
        ("einsum", Exit.NOTHING, "einsum did not fail in"),
        ("eimsum", Exit.USAGE, "did you mean 'einsum'?"),
    ],
)
def test_no_traceback_of_a_contender_that_did_not_fail(failed, capsys, contender, code, message):
    assert main(["show", str(failed), "--traceback", contender]) == code
    assert message in capsys.readouterr().err


def test_no_traceback_of_a_case_that_is_not_selected(failed):
    words = ["show", str(failed), "-k", "large", "--traceback", "loop"]
    assert main(words) == Exit.NOTHING


def test_the_traceback_of_one_side_of_a_gate(tmp_path, capsys):
    item = Uncompared("loop", case(), "head", Unpaired(None, RAISED))
    run = run_folder.create(tmp_path, info(), [item])

    assert main(["show", str(run.path), "--traceback", "loop"]) == Exit.FAILED
    assert RAISED.traceback in capsys.readouterr().out
