"""The GitHub Action: its shell steps, really run against a small git repository.

What it compares with is played by a command that notes its words; `opbench gate` has its own tests.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from opbench.harness.cli.app import parsers
from tests.action_steps import (
    ACTION,
    INPUTS,
    OPBENCH,
    PYTHON,
    ROOT,
    STEPS,
    Runner,
    checked_out,
    command,
    git,
    noted,
    recipe,
)


def compared(runner, *, code=0, run=True, summary=True, **inputs):
    """Run what compares and what decides; what became of the last."""
    orders = {"code": code, "run": run, "summary": summary}
    runner.environment["ORDERS"] = json.dumps(orders)
    runner.outputs["steps.base.outputs.commit"] = "c0ffee"
    done = runner.step("Compare the versions", **inputs)
    assert done.returncode == 0, done.stderr
    return runner.step("Pass or fail", **inputs)


def test_every_input_is_used_and_none_gets_into_a_script():
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"inputs\.([a-z-]+)", text))

    assert used == set(INPUTS)
    assert all("${{" not in step.get("run", "") for step in STEPS)
    assert all(found["description"] for found in ACTION["inputs"].values())


SCRIPTS = {step["name"]: step["run"] for step in STEPS if "run" in step}


@pytest.mark.parametrize("name", [*SCRIPTS, "docs"])
def test_the_scripts_pass_shellcheck(name):
    script = SCRIPTS.get(name) or recipe()
    program = Path(sys.executable).with_name("shellcheck")

    done = subprocess.run(
        # 2153: names in capitals come from the environment.
        [program, "--shell=bash", "--exclude=SC2153", "-"],
        input=f"set -eo pipefail\n{script}" if name in SCRIPTS else script,
        text=True,
        capture_output=True,
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_words_reach_opbench_as_they_are(runner):
    trap = 'it\'s "two" $(touch pwned) `touch pwned`; *'

    compared(
        runner,
        ops=" softmax\n pooling ",
        select=trap,
        load="bench/my ops.py\n\n  bench.more\n",
        build=f"make {trap}",
        arguments=f"--impl={trap}\n--dtype=float32,bfloat16",
        budget="90s",
        alpha="5%",
    )

    words = parsers()[0].parse_args(runner.words)
    assert (words.verb, words.base, words.budget, words.alpha) == ("gate", "c0ffee", 90.0, 0.05)
    assert words.names == ["softmax", "pooling"]
    assert (words.expression, words.build, words.impls) == (trap, f"make {trap}", trap)
    assert words.load == ["bench/my ops.py", "bench.more"]
    assert (words.dtype, words.min_slowdown) == ("float32,bfloat16", 0.03)
    assert not (runner.checkout / "pwned").exists()


def test_what_was_left_out_says_nothing(runner):
    compared(runner)

    assert parsers()[0].parse_args(runner.words).names == []
    assert [word.partition("=")[0] for word in runner.words] == [
        *("gate", "--base", "--alpha", "--min-slowdown", "--budget", "--out", "--id"),
        *("--summary", "--"),
    ]


def test_the_run_lies_outside_of_the_checkout_and_the_summary_is_shown(runner):
    assert compared(runner).returncode == 0

    run = Path(runner.outputs["steps.gate.outputs.run"])
    assert run.is_dir()
    assert run.parent == Path(runner.outputs["steps.gate.outputs.out"])
    assert run.is_relative_to(runner.temp)
    assert (runner.temp / "summary").read_text() == "what was found\n"
    assert git(runner.checkout, "status", "--porcelain") == ""


def test_a_report_lies_beside_the_run(runner):
    compared(runner)
    runner.environment["ORDERS"] = json.dumps({"code": 0, "run": False, "summary": False})
    assert runner.step("Draw the report").returncode == 0

    words = parsers()[0].parse_args(runner.words)
    assert (words.verb, words.runs) == ("report", [runner.outputs["steps.gate.outputs.run"]])
    assert Path(words.output).parent == Path(runner.outputs["steps.gate.outputs.out"])


def test_a_report_that_fails_changes_no_verdict(runner):
    compared(runner)
    runner.environment["ORDERS"] = json.dumps({"code": 6, "run": False, "summary": False})
    done = runner.step("Draw the report")

    assert done.returncode == 0
    assert done.stdout.startswith("::warning title=opbench gate::there is no report")


@pytest.mark.parametrize(
    ("code", "reported"),
    [
        (1, "slower"),
        (2, "expired"),
        (3, "inconclusive"),
        (4, "wrong results"),
        (5, "crashed"),
        (6, "no verdict"),
        (130, "ended with 130"),
    ],
)
def test_the_exit_code_is_opbenchs(runner, code, reported):
    done = compared(runner, code=code)

    assert done.returncode == code
    assert done.stdout.startswith("::error title=opbench gate::")
    assert reported in done.stdout
    assert runner.outputs["steps.gate.outputs.exit-code"] == str(code)


def test_inconclusive_may_be_let_pass_but_nothing_else(runner):
    passed = compared(runner, code=3, **{"fail-on-inconclusive": "false"})
    assert passed.returncode == 0
    assert passed.stdout.startswith("::warning title=opbench gate::inconclusive")

    assert compared(runner, code=1, **{"fail-on-inconclusive": "false"}).returncode == 1
    assert compared(runner, code=3, **{"fail-on-inconclusive": "no"}).returncode == 3


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_breakdown_is_no_verdict(runner, code):
    done = compared(runner, code=code, run=False, summary=False)

    assert done.returncode == 6
    assert "no verdict" in done.stdout
    assert "steps.gate.outputs.run" not in runner.outputs
    assert not (runner.temp / "summary").exists()


@pytest.mark.parametrize("has_torch", [True, False])
def test_torch_is_left_alone_where_it_is_there(tmp_path, has_torch):
    command(tmp_path / "bin" / "python3", PYTHON)
    runner = Runner(tmp_path, tmp_path, NO_TORCH="01"[not has_torch])

    assert runner.step("Install opbench").returncode == 0

    installed = (runner.temp / "installed").read_text().splitlines()
    assert installed[-1] == "-m pip install --quiet /action of opbench"
    index = "https://download.pytorch.org/whl/cpu"
    torch = f"-m pip install --quiet --index-url {index} torch"
    assert installed[:-1] == ([] if has_torch else [torch])


@pytest.mark.parametrize(
    ("code", "summary", "ends"), [(0, True, 0), (1, True, 1), (3, True, 3), (0, False, 6)]
)
def test_the_recipe_for_any_other_ci(tmp_path, origin, code, summary, ends):
    command(tmp_path / "bin" / "opbench", OPBENCH)
    command(tmp_path / "gate.sh", recipe())
    checkout = checked_out(origin, tmp_path / "work", "change", depth=0)
    (checkout / "runs").mkdir()
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "ORDERS": json.dumps({"code": code, "run": True, "summary": summary}),
    }

    done = subprocess.run(
        ["bash", str(tmp_path / "gate.sh"), "main", "--load", "bench/my ops.py"],
        cwd=checkout,
        env=environment,
        text=True,
        capture_output=True,
    )

    words = parsers()[0].parse_args(noted(tmp_path))
    assert (done.returncode, done.stderr) == (ends, "")
    assert words.base == git(origin, "rev-parse", "main^")
    assert words.load == ["bench/my ops.py"]
    assert words.summary == f"{words.out}/{words.id}.md"


def test_the_workflow_of_the_docs_gives_only_inputs_that_there_are():
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(
        next(iter(re.findall(r"```yaml\n(name: gate.*?)```", text, re.DOTALL)))
    )
    own = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text(encoding="utf-8"))

    for found in (workflow, own):
        given = found["jobs"]["gate"]["steps"][-1]
        assert "opbench" in given["uses"] or given["uses"] == "./"
        assert given["with"].keys() <= INPUTS.keys()
    assert all(f"`{name}`" in text for name in INPUTS)
