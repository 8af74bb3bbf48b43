"""A run checks contenders on the small cases of their op before it races them."""

import json

import pytest

import opbench
from opbench.harness.cli.app import main
from opbench.harness.planning.selection import Selection
from opbench.harness.timing.stopping import Policy
from opbench.results.records import Failed, Measured, Wrong
from tests.harness.runs import new_run
from tests.places import LOADED

FILES = (LOADED / "wrong_row_scale.py", LOADED / "wrong_elsewhere.py")
BRIEF = Policy(budget_s=0.05, patience=100.0, pilot_s=0.01)
#: What its own race would find as well.
WRONG_AS_TIMED = ("wrong_five_columns", "wrong_remembers", "wrong:four_rows")
#: By contender, what the note of one says that is right as it is timed.
WRONG_ELSEWHERE = {
    "wrong_without_shift": "shifted float32 both",
    "wrong_as_if_packed": "transposed",
    "wrong_between_gaps": "of 91 elements are off",
    "wrong_weight_detached": "gradient",
}


@pytest.fixture(scope="module")
def scales():
    return opbench.load(*FILES, entry_points=False)


def raced(catalog, tmp_path, *names, **options):
    races = opbench.plan(catalog, Selection(impls=names, threads=1))
    records = opbench.run(catalog, races, new_run(tmp_path), policy=BRIEF, **options)
    return {record.contender: record.outcome for record in records}


def test_what_is_wrong_elsewhere_is_not_raced(scales, tmp_path):
    found = raced(scales, tmp_path, "right", *WRONG_AS_TIMED, *WRONG_ELSEWHERE)
    assert isinstance(found.pop("right"), Measured)
    assert {type(outcome) for outcome in found.values()} == {Wrong, Failed}
    for name, text in WRONG_ELSEWHERE.items():
        assert text in f"{found[name].stage} {found[name].reason}"
        assert found[name].reason.endswith("R=7 N=13)")


def test_without_it_only_the_timed_call_counts(scales, tmp_path):
    found = raced(scales, tmp_path, *WRONG_AS_TIMED, *WRONG_ELSEWHERE, spot_check=False)
    for name in WRONG_ELSEWHERE:
        assert isinstance(found[name], Measured)
    for name in WRONG_AS_TIMED:
        assert isinstance(found[name], Wrong | Failed)


def test_what_is_admitted_and_what_lacks_memory_is_raced(scales, tmp_path):
    found = raced(scales, tmp_path, "admits_it", "hoards_elsewhere")
    assert {type(outcome) for outcome in found.values()} == {Measured}


def test_a_slow_contender_is_checked_on_a_few_cases_and_an_op_on_no_more(
    scales, tmp_path, monkeypatch
):
    assert isinstance(raced(scales, tmp_path / "one", "slow_and_wrong")["slow_and_wrong"], Measured)
    monkeypatch.setattr("opbench.harness.execution.spot_check.ORACLES_S", -1.0)
    found = raced(scales, tmp_path / "two", "wrong_without_shift")
    assert isinstance(found["wrong_without_shift"], Measured)


def test_the_command_survives_a_crash_and_says_so_once_for_all(tmp_path, capsys):
    """What leaves a thread behind is raced in a fresh process, in which it leaves none."""
    names = "right,crashes_elsewhere,starts_a_thread_elsewhere"
    load = [option for file in FILES for option in ("--load", str(file))]
    command = ["run", "row_scale", "--impl", names, *load, "--budget", "0.1", "--threads", "1"]
    assert main([*command, "--out", str(tmp_path), "--json", "-q"]) == 5
    (board,) = json.loads(capsys.readouterr().out)["boards"]
    verdicts = {row["contender"]: row["verdict"] for row in board["rows"]}
    assert verdicts.pop("crashes_elsewhere") == "failed"
    assert not {"wrong", "failed"} & set(verdicts.values())
