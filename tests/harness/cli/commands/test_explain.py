"""The real `opbench explain`: what it names, records and says."""

from __future__ import annotations

import json

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records.run_folder import open_run
from tests.places import ROOT
from tests.results.examples import make_run
from tests.results.explanations import evidence, explained, use

LOADED = ("--load", str(ROOT / "tests" / "loaded" / "explained.py"), "--threads", "1", "-q")
MUL = use("aten::mul", 1e-3)
COPY = use("aten::copy_", 1e-3, path=("aten::clone",))


def explain(capsys, folder, *words):
    """Run the command: exit code, output, errors."""
    code = main(["explain", "doubled", *words, *LOADED, "--out", str(folder)])
    return code, *capsys.readouterr()


def test_evidence_is_gathered_recorded_and_printed(tmp_path, capsys):
    code, out, _ = explain(capsys, tmp_path, "plain", "copying", "--id", "copied")
    (recorded,) = open_run(tmp_path / "copied").explanations()
    names = {recorded.slower.contender, recorded.faster.contender}

    # How much of the machine others take decides whether a difference shows.
    assert code == (Exit.INCONCLUSIVE if recorded.difference == "undecided" else Exit.OK)
    assert names == {"plain", "copying"}
    assert "plain" in out
    if recorded.difference == "slower" and recorded.slower.contender == "copying":
        assert "copies: aten::copy_" in out


def test_where_nothing_can_be_recorded_it_is_said_and_explained(tmp_path, capsys):
    (tmp_path / "runs").write_text("a file")
    code, out, error = explain(capsys, tmp_path / "runs", "plain", "copying", "--budget", "100ms")

    assert code in (Exit.OK, Exit.INCONCLUSIVE)
    assert "not recorded:" in error
    assert "copying" in out


def test_a_recorded_explanation_is_shown(tmp_path, capsys):
    run = make_run(tmp_path)
    run.append(explained(evidence("copying", MUL, COPY), evidence("plain", MUL)))

    main(["show", str(run.path)])
    out = capsys.readouterr().out
    assert "copying takes 2 times as long as plain" in out
    assert "100%  1.00 ms  copies: aten::copy_: 1 against 0 calls" in out
    main(["show", str(run.path), "--json"])
    (shown,) = json.loads(capsys.readouterr().out)["explanations"]
    assert shown["causes"][0]["kind"] == "copy"


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
def test_bad_requests_say_what_to_do(tmp_path, capsys, words, said):
    code, _, error = explain(capsys, tmp_path, *words)

    assert code == Exit.USAGE
    assert said in error
