"""Words that are not known, or would be ignored: refused, with the nearest and what is valid."""

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.harness.runs import MINE


@pytest.mark.parametrize(
    ("words", "there", "absent"),
    [
        (["ops", "row_sum", "-k", "small"], "row_sum", "patch_pooling"),
        (["ops", "--impl", "without_gradient"], "row_sum", "patch_pooling"),
        (["impls", "row_sum", "--impl", "loop"], "loop", "summed"),
        (["impls", "row_sum", "-k", "summed"], "summed", "elsewhere"),
        (["suites", "patch_pooling"], "patch_pooling", "conv2d"),
    ],
)
def test_lists_have_the_selection(capsys, words, there, absent):
    assert main(["list", *words, *MINE]) == Exit.OK
    text = capsys.readouterr().out
    assert there in text
    assert absent not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list", "ops", "row_sum", "-k", "nobody"], "the selection is empty"),
        (["list", "ops", "-k", "tiny and"], "is not an expression"),
        (["list", "ops", "--markdown", "pages", "--json"], "--json would say nothing"),
        (["run", "row_sums"], "did you mean 'row_sum'"),
        (["run", "row_sum", "--board", "computes"], "did you mean 'compute'"),
        (["run", "row_sum", "--layout", "slice"], "did you mean 'sliced'"),
        (["run", "row_sum", "--dtype", "float3"], "did you mean 'float32'"),
        (["run", "row_sum", "-k", "(" * 500], "is not an expression"),
        (["run", "row_sum", "-k", "not " * 2000 + "x"], "is not an expression"),
        (["run", "row_sum", "--processes", "2"], "--processes are fresh processes"),
        (["run", "row_sum", "--timeout", "5s"], "--timeout would bound processes"),
        (["check", "row_sum", "--jobs", "2"], "--jobs would bound processes"),
    ],
)
def test_ignored_or_unknown_arguments_exit_with_2(here, capsys, words, message):
    more = [] if words[0] == "list" else ["--in-process"]
    assert main([*words, *more, *MINE]) == Exit.USAGE
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("words", "ignored"),
    [
        (["gate", "--base-run", "runs/x", "--build", "make"], "--build"),
        (["gate", "--base-run", "runs/x", "--method", "pairs"], "--method"),
        (["gate", "--base-run", "runs/x", "--accepted", "x"], "--accepted"),
        (["gate", "--base-python", "python3", "--head", "main"], "--head"),
        (["gate", "--base-python", "python3", "--build", "make"], "--build"),
        (["profile", "--base-python", "python3", "--build", "make"], "--build"),
        (["profile", "--run", "runs/x", "--id", "y"], "--id"),
        (["profile", "--run", "runs/x", "--out", "y"], "--out"),
        (["export", "--format", "winners", "--by", "sample", "-o", "y"], "--by"),
    ],
)
def test_words_that_another_makes_idle_are_refused(here, capsys, words, ignored):
    assert main(words) == Exit.USAGE
    assert f"{ignored} would say nothing to {words[1]}" in capsys.readouterr().err
    assert not any(here.iterdir())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--ceilings", "--device", "nosuch"], Exit.USAGE, "there is no device 'nosuch'"),
        (["--ceilings", "--device", "cuda:x"], Exit.USAGE, "the device 'cuda:x'"),
        (
            ["--ceilings", "row_sum", "-k", "x"],
            Exit.USAGE,
            "-k, OP would say nothing to --ceilings",
        ),
        (["--ceilings", "--units", "3"], Exit.USAGE, "--units would say nothing to --ceilings"),
        (["--gate", "--fresh"], Exit.USAGE, "--fresh would say nothing to --gate"),
        (["--gate", "--resume", "."], Exit.USAGE, "is not a run"),
    ],
)
def test_impossible_calibrations_are_refused(here, capsys, words, code, message):
    assert main(["calibrate", *words]) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["row_sums"], "did you mean 'row_sum'"),
        (["nobody"], "known: row_sum"),
        (["-k", "nobody"], "matches -k 'nobody'"),
        (["anchor_memory"], "there is no op"),
    ],
)
def test_names_that_a_run_lacks_are_refused(run_folder, capsys, words, message):
    assert main(["show", str(run_folder), *words]) == Exit.USAGE
    assert message in capsys.readouterr().err
