"""The real `opbench explain`: what it names, records and says where something is missing."""

from __future__ import annotations

import json

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records.run_folder import open_run
from tests.places import ROOT

LOADED = ("--load", str(ROOT / "tests" / "loaded" / "explained.py"), "--threads", "1", "-q")


def explain(capsys, folder, *words):
    """Run the command: exit code, output, errors."""
    code = main(["explain", "doubled", *words, *LOADED, "--out", str(folder)])
    return code, *capsys.readouterr()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("explained")


def test_a_copy_is_named_recorded_and_shown_again(runs, capsys):
    code, out, _ = explain(capsys, runs, "plain", "copying", "--id", "copied")
    (recorded,) = open_run(runs / "copied").explanations()

    assert code == Exit.OK
    assert recorded.slower.contender == "copying"
    assert recorded.causes[0].kind == "copy"
    assert "copying takes" in out
    assert "copies: aten::copy_" in out
    assert main(["show", str(runs / "copied")]) == Exit.OK
    assert "copies: aten::copy_" in capsys.readouterr().out
    assert main(["show", str(runs / "copied"), "--json"]) == Exit.OK
    (shown,) = json.loads(capsys.readouterr().out)["explanations"]
    assert shown["causes"][0]["kind"] == "copy"


def test_a_contender_that_dies_under_the_profiler_is_explained_without_it(runs, capsys):
    code, out, _ = explain(capsys, runs, "dies_when_watched", "plain", "--json")
    found = json.loads(out)["explanation"]

    assert code == Exit.OK
    assert found["slower"]["contender"] == "dies_when_watched"
    missing = dict(found["slower"]["missing"])
    assert missing["operators"] == "it exited with code 7"
    assert missing["page faults"] == "it exited with code 7"
    assert found["unexplained"] > 0.3
    assert not dict(found["faster"]["missing"]).get("operators")


def test_a_wrong_contender_is_not_explained(runs, capsys):
    code, out, _ = explain(capsys, runs, "plain", "wrong")

    assert code == Exit.WRONG
    assert "wrong: value" in out or "elements are off" in out


def test_where_nothing_can_be_recorded_it_is_said_and_explained(tmp_path, capsys):
    (tmp_path / "runs").write_text("a file")
    code, out, error = explain(capsys, tmp_path / "runs", "plain", "copying", "--budget", "500ms")

    assert code in (Exit.OK, Exit.INCONCLUSIVE)
    assert "not recorded:" in error
    assert "copying" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plain",), "two of its contenders"),
        (("plain", "copying", "again"), "two of its contenders"),
        (("plain", "copyin"), "copying"),
        (("plain", "copying", "--base", "main"), "one of its contenders"),
        (("plain", "copying", "--head", "main"), "say with --base"),
        (("plain", "copying", "-k", "nowhere"), "nowhere"),
    ],
)
def test_bad_requests_say_what_to_do(runs, capsys, words, said):
    code, _, error = explain(capsys, runs, *words)

    assert code == Exit.USAGE
    assert said in error
