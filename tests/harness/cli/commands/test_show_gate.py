"""A gate's folder, shown and exported again as the gate itself reported it."""

import dataclasses
import json

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from opbench.results.records import SIDES, Uncompared, Unpaired, Unsupported
from opbench.results.regression.report import copy_accepted, report_of
from opbench.results.report.gate import headline
from tests.results.examples import case, make_run, profile
from tests.results.gates import make_gate, units

ACCEPTED = """\
[[accepted]]
op = "patch_pooling"
contender = "copies"
reason = "copies on purpose"
by = "ada"
until = 2020-01-01
"""


@pytest.fixture
def gate(tmp_path):
    """A gate in which one contender is slower, and one is undecided."""
    return make_gate(tmp_path)


def test_a_gate_is_shown_as_it_was_printed(gate, capsys):
    code = main(["show", str(gate.path)])
    out = capsys.readouterr().out

    assert code == Exit.REGRESSION
    assert headline(report_of(gate)) in out
    assert "head against base" in out
    assert "not compared" in out
    assert "leaderboard" not in out


def test_for_programs(gate, capsys):
    code = main(["show", str(gate.path), "--json"])
    reported = json.loads(capsys.readouterr().out)

    assert code == Exit.REGRESSION
    assert {f["contender"]: f["verdict"] for f in reported["findings"]} == {
        "copies": "slower",
        "steady": "same",
        "improved": "faster",
        "unsteady": "inconclusive",
    }
    assert reported["look"] == [
        "opbench explain --base main patch_pooling --impl copies -k small --threads 1"
    ]


def test_only_some_cases(gate, capsys):
    for unit in units("steady", case("other"), 1.0):
        gate.append(unit)

    code = main(["show", str(gate.path), "other", "-k", "small"])
    out = capsys.readouterr().out

    assert code == Exit.OK
    assert "1 compared: 1 same" in out
    assert "copies" not in out


def test_a_named_op_not_compared_counts_as_in_the_gate(tmp_path):
    asked, whole = make_gate(tmp_path, "asked", names=["absent"]), make_gate(tmp_path, "whole")
    refused = Unpaired(Unsupported("no such op"), Unsupported("no such op"))
    for folder in (asked, whole):
        folder.append(Uncompared("lost", case("absent"), "both", refused))

    assert main(["show", str(asked.path)]) == Exit.NOTHING
    assert main(["show", str(whole.path)]) == Exit.REGRESSION


def test_none_of_the_cases(gate, capsys):
    assert main(["show", str(gate.path), "-k", "nobody"]) == Exit.USAGE
    assert "matches -k 'nobody'" in capsys.readouterr().err


def test_changes_accepted_then_stay_accepted_when_shown(gate, tmp_path, capsys):
    listed = tmp_path / "accepted.toml"
    listed.write_text(ACCEPTED)
    copy_accepted(gate, listed)
    listed.unlink()

    code = main(["show", str(gate.path)])

    # The undecided contender is left.
    assert code == Exit.INCONCLUSIVE
    assert "copies on purpose (ada)" in capsys.readouterr().out


def test_profiles_that_were_added_are_shown(gate, capsys):
    for side in SIDES:
        gate.append(dataclasses.replace(profile(), side=side))

    main(["show", str(gate.path)])

    assert "einsum · small normal float32 forward · head against base" in capsys.readouterr().out


def test_the_markdown_of_a_gate_is_its_summary(gate, tmp_path, capsys):
    target = tmp_path / "gate.md"

    assert main(["export", str(gate.path), "--format", "markdown", "-o", str(target)]) == Exit.OK
    text = target.read_text()
    assert text.startswith("## opbench gate\n")
    assert "| patch_pooling | small normal float32 forward | copies | slower |" in text


def test_a_run_is_shown_as_ever(tmp_path, capsys):
    main(["show", str(make_run(tmp_path).path)])
    out = capsys.readouterr().out

    assert "einsum" in out
    assert "head against base" not in out
