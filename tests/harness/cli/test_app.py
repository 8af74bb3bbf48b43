"""The real command: what it prints, and every exit code."""

import json
import os
import re
import resource
import subprocess
import sys

import pytest

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit, of_outcomes, worst
from opbench.results.records import Failed, Right, Rules, Unsupported, Wrong
from opbench.results.records.anchors import without_anchors
from opbench.results.records.run_folder import create, open_run
from tests.harness.runs import BRIEF, LOADED, MINE, TROUBLE
from tests.results.examples import info, record

#: Without a worker that imports torch first: for tests of what has nothing to do with workers.
HERE = [*BRIEF, "--in-process"]


def test_help_names_every_verb_and_exit_code(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "list",
        "check",
        "run",
        "profile",
        "show",
        "publish",
        "dashboard",
        "report",
        "export",
    ):
        assert word in text
    assert "history" in text
    assert "4  a contender gave a wrong result" in text


def test_help_takes_far_less_of_a_core_than_importing_torch():
    def seconds(*words):
        """Of a core, in user's code: what else the machine does changes little of that."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    assert seconds("-m", "opbench", "--help") < 0.5 * seconds("-c", "import torch")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["list"], "row_sum"),
        (["list", "impls", "row_sum"], "a_module_that_nobody_has"),
        (["list", "cases", "row_sum"], "tall normal float32 forward"),
        (["list", "suites"], "pooling"),
    ],
)
def test_list(capsys, words, expected):
    assert main([*words, *MINE]) == Exit.OK
    assert expected in capsys.readouterr().out


def test_list_as_json(capsys):
    assert main(["list", "ops", "row_sum", "--json", *MINE]) == Exit.OK
    (row,) = json.loads(capsys.readouterr().out)
    assert row["op"] == "row_sum"
    assert row["contract"] == "The scaled sum of each row: x[N, M] -> [N]."


def test_run_prints_a_leaderboard_per_case(here, capsys):
    words = ["run", "row_sum", *MINE, *BRIEF, "--id", "one"]
    assert main(words) == Exit.OK
    text = capsys.readouterr().out
    assert "row_sum · small normal float32 forward" in text
    assert "row_sum · tall normal float32 forward" in text
    assert "best" in text
    assert "needs a_module_that_nobody_has" in text
    assert "takes at most 100 rows" in text
    assert (here / "runs" / "one" / "records.jsonl").is_file()


def test_only_the_worker_waits_for_torch(here):
    """Two imports of torch would double the start-up of every run."""
    words = ["run", "row_sum", "-k", "small", "--impl", "summed", *MINE, *BRIEF]
    program = f"""
import sys
from opbench.harness.cli.app import main
code = main({words!r})
print(code, "torch._C" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 False"


def test_run_as_json(here, capsys):
    assert main(["run", "row_sum", "-k", "small", *MINE, *BRIEF, "--json"]) == Exit.OK
    data = json.loads(capsys.readouterr().out)
    (board,) = data["boards"]
    assert board["case"]["shape"] == "small"
    assert {row["contender"] for row in board["rows"]} >= {"summed", "loop"}


def test_a_planted_wrong_contender_is_named_with_4(here, capsys):
    words = ["run", "row_sum", "-k", "small and not planted_raise", *TROUBLE, *HERE]
    assert main(words) == Exit.WRONG
    printed = capsys.readouterr().out
    line = next(x for x in printed.splitlines() if "planted_wrong" in x)
    assert "wrong" in line
    assert "instead" in printed  # of which value may stand on the next line: the column is folded


def test_a_raising_contender_exits_with_5_and_others_are_measured(here, capsys):
    words = ["run", "row_sum", "-k", "small and not planted_wrong", *TROUBLE, *HERE]
    assert main(words) == Exit.FAILED
    text = capsys.readouterr().out
    assert "RuntimeError: no luck today" in text
    assert "Traceback" not in text
    assert re.search(r"summed .*(µs|ms)", text)


def test_a_verbose_run_prints_the_tracebacks_of_what_failed(here, capsys):
    words = ["run", "row_sum", "-k", "small and planted_raise", *TROUBLE, *HERE, "-v"]
    assert main(words) == Exit.FAILED
    text = capsys.readouterr().out
    assert "planted_raise on row_sum small normal float32 forward: check:" in text
    assert 'raise RuntimeError("no luck today")' in text


def test_a_requested_precision_not_reached_exits_with_3(here, capsys):
    words = ["run", "row_sum", "-k", "small", "--impl", "summed,without_gradient", *MINE]
    assert main([*words, *HERE, "--precision", "0.001%"]) == Exit.INCONCLUSIVE
    # On a busy machine that takes its time.
    assert main([*words, *HERE, "--precision", "90%", "--budget", "10m"]) == Exit.OK


def test_a_run_keeps_its_rules(here, capsys):
    words = ["run", "row_sum", "-k", "small", "--impl", "summed,loop", *MINE, *HERE]
    assert main([*words, "--tie", "99%", "--precision", "10%", "--id", "one"]) in (0, 3)
    assert open_run("runs/one").info.rules == Rules(tie=0.99, precision=0.1)
    assert main(["run", "--resume", "runs/one"]) in (0, 3)


def test_cold_is_a_case_of_its_own_and_slower(here):
    words = ["run", "row_sum", "-k", "small", "--impl", "summed", *MINE, *HERE]
    times = {}
    for cache in ("warm", "cold"):
        assert main([*words, "--cache", cache, "--id", cache]) == Exit.OK
        (record,) = without_anchors(open_run(f"runs/{cache}").records())
        assert record.case.cache == cache
        # The quickest of each, which nobody disturbed.
        times[cache] = min(record.outcome.samples_s)
    assert times["cold"] > times["warm"]


def test_in_this_process_for_a_debugger(here, capsys):
    words = ["run", "row_sum", "-k", "small", "--impl", "summed", *MINE, *HERE]
    assert main(words) == Exit.OK
    assert "best" in capsys.readouterr().out


def test_ceilings_are_measured_cached_and_printed(here, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    words = ["run", "row_sum", "-k", "small", "--impl", "summed", *MINE, *HERE]
    assert main(words) == Exit.OK
    assert "opbench calibrate --ceilings --device cpu --threads 1" in capsys.readouterr().err
    ask = ["calibrate", "--ceilings", "--threads", "1", "--seconds", "0.5"]
    assert main(ask) == Exit.OK
    assert "an op that does nothing" in capsys.readouterr().out
    assert main([*ask, "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out)["type"] == "Ceilings"
    assert main(words) == Exit.OK
    printed = capsys.readouterr()
    assert "opbench calibrate" not in printed.err
    assert re.search(r"summed .*% (memory|compute|dispatch)", printed.out)


def test_nothing_measured_is_6(here):
    words = ["run", "row_sum", "--impl", "elsewhere", *MINE, *HERE]
    assert main(words) == Exit.NOTHING


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "row_summ"], "no op or suite named 'row_summ'"),
        (["run", "-k", "zzz"], "the selection is empty"),
        (["run", "--load", "nowhere.py"], "there is no file nowhere.py"),
        (["run", "--pass", "sideways"], "--pass 'sideways' is not one of forward"),
        (["run", "--resume", "nowhere"], "nowhere is not a run"),
        (["show", "nowhere"], "nowhere is not a run: it has no run.json"),
        (["show"], "there is no run in runs; make one with `opbench run`"),
        (["export", "nowhere", "--format", "csv", "-o", "x"], "nowhere is not a run"),
        (["report", "nowhere", "-o", "x"], "nowhere is not a run"),
        (["publish", "nowhere"], "nowhere is not a run"),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_advice(here, capsys, words, message):
    assert main(words) == Exit.USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["run", "--budget", "0"], ["run", "--threads", "-1"], ["sing"], []]
)
def test_argparse_errors_are_2_too(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == Exit.USAGE
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--id", "../x"], "--id: '../x' is no name for a run: it is a path"),
        (["run", "--id", ""], "--id: a run's name can't be empty"),
        (["import", "x", "--id", "a\nb"], "'a\\nb' is no name for a run: it has a line break"),
        (["gate", "--base", "main", "--id=-x"], "begins with '-'"),
        (["profile", "--id", "."], "begins with '.'"),
        (["calibrate", "--gate", "--id", "/abs"], "it is a path"),
    ],
)
def test_a_run_has_a_name_and_no_path(here, capsys, words, message):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == Exit.USAGE
    assert message in capsys.readouterr().err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["export", "--format", "json", "-o"],
        ["calibrate", "--gate", "--plot"],
        ["list", "--markdown"],
        ["gate", "--base", "main", "--summary"],
    ],
)
def test_no_command_writes_into_a_run(run_folder, capsys, words):
    before = {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}
    run = [str(run_folder)] if words[0] == "export" else []
    for target in (run_folder / "run.json", run_folder / "new" / ".." / "records.jsonl"):
        assert main([words[0], *run, *words[1:], str(target)]) == Exit.USAGE
        assert "run" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}


def test_a_run_is_never_overwritten(here, capsys):
    words = ["run", "row_sum", "-k", "small", *MINE, *HERE, "--id", "one"]
    assert main(words) == Exit.OK
    assert main(words) == Exit.USAGE
    assert "exists already" in capsys.readouterr().err


def test_resume_restores_the_options_of_the_run(here, capsys, monkeypatch):
    monkeypatch.chdir(LOADED)
    # Where no ceilings of this machine are kept, which would be lines of the run as well.
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    words = ["run", "row_sum", "-k", "summed", "--load", "row_sum.py", *HERE]
    assert main([*words, "--out", str(here), "--id", "one"]) == Exit.OK
    lines = (here / "one" / "records.jsonl").read_text().splitlines(keepends=True)
    # Three anchors and two cases, each with a line when it starts and one when it ends.
    assert len(lines) == 10
    (here / "one" / "records.jsonl").write_text("".join(lines[:9]) + lines[9][:40])
    monkeypatch.chdir(here)
    capsys.readouterr()
    assert main(["run", "--resume", "one", "--json"]) == Exit.OK
    boards = json.loads(capsys.readouterr().out)["boards"]
    assert [board["case"]["shape"] for board in boards] == ["small", "tall"]
    assert [row["contender"] for board in boards for row in board["rows"]] == ["summed"] * 2


def test_show(run_folder, capsys):
    assert main(["show", str(run_folder), "row_sum", "-k", "tall"]) == Exit.WRONG
    text = capsys.readouterr().out
    assert "row_sum · tall" in text
    assert "row_sum · small" not in text


def test_show_as_json(run_folder, capsys):
    main(["show", str(run_folder), "--json"])
    assert len(json.loads(capsys.readouterr().out)["boards"]) == 2


@pytest.mark.parametrize("kind", ["csv", "json", "markdown", "parquet"])
def test_export(run_folder, kind, tmp_path, capsys):
    target = tmp_path / f"run.{kind}"
    words = ["export", str(run_folder), "--format", kind, "-o", str(target)]
    assert main(words) == Exit.OK
    assert target.stat().st_size > 200
    assert "wrote" in capsys.readouterr().out


def test_publish(run_folder, capsys):
    assert main(["publish", str(run_folder)]) == Exit.OK
    assert list((run_folder / "tensorboard").rglob("events.out.tfevents*"))


def test_profile(here, capsys):
    words = ["profile", "row_sum", "--impl", "summed", "-k", "small", *MINE, "--id", "p"]
    assert main(words) == Exit.OK
    text = capsys.readouterr().out
    assert "aten::sum" in text
    assert "peak memory per call" in text
    assert re.search(r"by its operators: .* moved; declared: 4.10 kFLOP, 16.6 kB", text)
    assert list((here / "runs" / "p" / "traces").rglob("*.pt.trace.json"))


@pytest.mark.parametrize("ending", ["html", "speedscope.json"])
def test_pythons_functions_are_in_a_flame_graph(here, ending):
    words = ["profile", "row_sum", "--impl", "summed", "-k", "small", *MINE, "--in-process"]
    assert main([*words, "--stacks", "--flame", f"flame.{ending}"]) == Exit.OK
    text = (here / f"flame.{ending}").read_text()
    assert "aten::sum" in text
    assert re.search(r"row_sum\.py\(\d+\): summed", text)


def test_the_calls_of_a_profile_are_chosen(here, capsys):
    words = ["profile", "row_sum", "--impl", "summed", "-k", "small", *MINE, "--id", "p"]
    assert main([*words, "--warmup", "0", "--calls", "3", "--in-process"]) == Exit.OK
    (trace,) = (here / "runs" / "p" / "traces").rglob("*.pt.trace.json")
    assert len(set(re.findall(r"call#\d+", trace.read_text()))) == 3
    assert main([*words[:-2], "--base", "HEAD", "--calls", "3"]) == Exit.USAGE
    assert "--calls would say nothing to two versions" in capsys.readouterr().err


def test_profile_into_a_run_and_with_trouble(here, capsys):
    words = ["row_sum", "-k", "small", *TROUBLE]
    assert main(["run", *words, *HERE, "--id", "r"]) == Exit.WRONG
    assert main(["profile", *words, "--run", "runs/r"]) == Exit.WRONG
    assert (
        main(["profile", "row_sum", *MINE, "--impl", "elsewhere", "--in-process"]) == Exit.NOTHING
    )


def test_a_profile_is_not_added_to_a_run_of_another_machine(here, capsys):
    foreign = create(here / "runs", info("foreign"), [record("summed")])
    before = (foreign.path / "records.jsonl").read_bytes()
    words = ["profile", "row_sum", "--impl", "summed", "-k", "small", *MINE]
    assert main([*words, "--run", str(foreign.path)]) == Exit.NOTHING
    assert "foreign can't go on here: it was made in another" in capsys.readouterr().err
    assert (foreign.path / "records.jsonl").read_bytes() == before


def test_check(capsys):
    assert main(["check", "row_sum", *MINE]) == Exit.OK
    text = capsys.readouterr().out
    assert "error in units of the tolerance" in text
    assert "checks of 4 contenders" in text


def test_check_with_trouble_and_pairs(capsys):
    assert main(["check", "row_sum", "--pairs", "--in-process", *TROUBLE]) == Exit.WRONG
    text = capsys.readouterr().out
    assert "WRONG planted_wrong of row_sum" in text
    assert "FAILED planted_raise of row_sum" in text
    assert "largest difference between contenders" in text


def test_check_as_json(capsys):
    words = ["row_sum", "--impl", "planted_raise", "-k", "not border"]
    main(["check", *words, "--json", "--in-process", *TROUBLE])
    rows = json.loads(capsys.readouterr().out)
    assert {row["verdict"]["type"] for row in rows} == {"Failed"}


def test_programs_have_no_place_in_json(capsys):
    assert main(["check", "row_sum", "--json", "--reproduce", *TROUBLE]) == Exit.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert "--reproduce prints programs" in err


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_reader_that_stops_reading(run_folder, words):
    """It is not reported, and never a pass: nobody saw what came of it."""
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "opbench", "show", str(run_folder), *words]
    try:
        done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(theirs)
    assert (done.returncode, done.stderr) == (141, "")


def test_exit_codes_in_their_order():
    assert worst([]) == Exit.OK
    assert worst([Exit.INCONCLUSIVE, Exit.REGRESSION]) == Exit.REGRESSION
    assert worst([Exit.FAILED, Exit.WRONG, Exit.OK]) == Exit.WRONG
    assert worst([Exit.WRONG, Exit.NOTHING]) == Exit.NOTHING
    assert worst([Exit.NOTHING, Exit.USAGE]) == Exit.USAGE
    assert of_outcomes([]) == Exit.NOTHING
    assert of_outcomes([Unsupported("x")]) == Exit.NOTHING
    assert of_outcomes([Wrong("value", "x")]) == Exit.WRONG
    assert of_outcomes([Wrong("value", "x"), Unsupported("x")]) == Exit.WRONG
    assert of_outcomes([Failed("check", "x")]) == Exit.FAILED
    assert of_outcomes([Right(0.1), Unsupported("x")]) == Exit.OK
    assert of_outcomes([Right(0.1), Failed("check", "x")]) == Exit.FAILED


def test_triton_is_checked_but_never_timed_under_its_interpreter(tmp_path):
    pytest.importorskip("triton")

    def opbench(*words):
        command = [sys.executable, "-m", "opbench", *words, "--impl", "triton"]
        environment = {**os.environ, "TRITON_INTERPRET": "1"}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )

    words = ("patch_pooling", "-k", "one", "--dtype", "float32")
    checked = opbench("check", *words)
    assert checked.returncode == Exit.OK, checked.stdout + checked.stderr
    timed = opbench("run", "patch_pooling", "-k", "tiny")
    assert timed.returncode == Exit.NOTHING
    assert "is not timed under Triton's interpreter" in timed.stdout


def test_a_run_prints_its_seconds_by_phase(here, capsys):
    words = ["run", "row_sum", "-k", "small", "--impl", "summed,loop", *MINE, *HERE, "--json"]
    assert main(words) == Exit.OK
    reported = json.loads(capsys.readouterr().out)
    assert list(reported["spent_s"]) == ["loading", "anchors", "preparing", "checking", "racing"]
    assert all(seconds >= 0 for seconds in reported["spent_s"].values())
    assert {type(found) for found in (reported["outlook"], reported["warnings"])} == {list}
