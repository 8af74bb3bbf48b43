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

from harness.cli import parser

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
INPUTS = {name: found["default"] for name, found in ACTION["inputs"].items()}
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
#: Notes its words, and does and ends as it is told to.
OPBENCH = f"""#!{sys.executable}
import argparse, json, os, pathlib, sys
told, home = json.loads(os.environ["TOLD"]), pathlib.Path(os.environ["HOME"])
(home / "words.json").write_text(json.dumps(sys.argv[1:]))
parser = argparse.ArgumentParser()
for name in ("--out", "--id", "--summary"):
    parser.add_argument(name)
words, _ = parser.parse_known_args()
if told["run"]:
    pathlib.Path(words.out, words.id).mkdir()
if told["summary"]:
    pathlib.Path(words.summary).write_text("what was found\\n")
sys.exit(told["code"])
"""
#: Notes its words; has a torch or none.
PYTHON = """#!/bin/bash
if [ "$1" = -c ]; then exit "$NO_TORCH"; fi
printf '%s\\n' "$*" >> "$RUNNER_TEMP/installed"
"""


class Runner:
    """A machine that runs the shell steps of the action in a checkout."""

    def __init__(self, folder, checkout, **environment):
        self.temp, self.checkout = folder / "temp", checkout
        self.temp.mkdir()
        self.environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": "/action of opbench",
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
            **environment,
        }
        self.outputs = {}

    def step(self, name, **inputs):
        """Run a step; what became of it."""
        step = next(step for step in STEPS if step["name"] == name)
        values = {f"inputs.{key}": value for key, value in (INPUTS | inputs).items()}
        known = values | self.outputs
        env = {
            key: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known.get(found[1], ""), text)
            for key, text in step.get("env", {}).items()
        }
        script, output = self.temp / "script.sh", self.temp / "output"
        script.write_text(step["run"], encoding="utf-8")
        output.write_text("")
        done = subprocess.run(
            [*SHELL, str(script)],
            cwd=self.checkout,
            env=self.environment | env | {"GITHUB_OUTPUT": str(output)},
            text=True,
            capture_output=True,
        )
        for line in output.read_text().splitlines():
            key, _, value = line.partition("=")
            self.outputs[f"steps.{step.get('id')}.outputs.{key}"] = value
        return done

    @property
    def words(self):
        """What opbench was called with."""
        return noted(self.environment["HOME"])


def recipe():
    """The script of the docs for any other CI."""
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    return next(iter(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)))


def command(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def noted(home):
    """What opbench was called with."""
    return json.loads(Path(home, "words.json").read_text())


def git(folder, *words):
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], check=True, text=True, capture_output=True
    )
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path):
    """A pull request whose target went on since it was begun: 3 commits on main, 1 on a branch.

    The branch is merged as GitHub merges it, where no branch shows it.
    """
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")

    def commit(name):
        (folder / name).write_text(name)
        git(folder, "add", name)
        git(folder, "commit", "--quiet", "-m", name)

    commit("first")
    git(folder, "tag", "v1")
    commit("second")
    git(folder, "checkout", "--quiet", "-b", "change")
    commit("changed")
    git(folder, "checkout", "--quiet", "--detach")
    git(folder, "checkout", "--quiet", "main")
    git(folder, "checkout", "--quiet", "--detach")
    git(folder, "merge", "--quiet", "--no-ff", "-m", "merge", "change")
    git(folder, "update-ref", "refs/pull/1/merge", "HEAD")
    git(folder, "checkout", "--quiet", "main")
    commit("third")
    return folder


def checked_out(origin, target, ref, *, depth):
    """A checkout as actions/checkout makes it: of one commit, or of all branches and tags."""
    target.mkdir()
    git(target, "init", "--quiet")
    git(target, "remote", "add", "origin", f"file://{origin}")
    if depth:
        git(target, "fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", ref)
    else:
        git(target, "fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
        git(target, "fetch", "--quiet", "origin", ref)
    git(target, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    return target


@pytest.fixture
def runner(tmp_path, origin):
    """A runner in a shallow checkout of the merged pull request."""
    checkout = checked_out(origin, tmp_path / "work", "refs/pull/1/merge", depth=1)
    command(tmp_path / "bin" / "opbench", OPBENCH)
    return Runner(tmp_path, checkout, GITHUB_BASE_REF="main")


def compared(runner, *, code=0, run=True, summary=True, **inputs):
    """Run what compares and what decides; what became of the last."""
    told = {"code": code, "run": run, "summary": summary}
    runner.environment["TOLD"] = json.dumps(told)
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


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("ref", ["refs/pull/1/merge", "change"])
def test_a_pull_request_is_compared_with_where_it_began(tmp_path, origin, ref, depth):
    runner = Runner(
        tmp_path,
        checked_out(origin, tmp_path / "work", ref, depth=depth),
        GITHUB_BASE_REF="main",
    )

    done = runner.step("Find the base")

    second = git(origin, "rev-parse", "main^")
    assert (done.returncode, done.stderr) == (0, "")
    assert runner.outputs == {"steps.base.outputs.commit": second}
    assert f"base: main ({second})" in done.stdout
    assert git(runner.checkout, "log", "--format=%s", "-1", second) == "second"


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize(
    ("base", "commit"),
    [
        *(("main", "main"), ("v1", "v1"), ("HEAD^", "main^"), ("", "main^"), ("change", "change")),
        *(("origin/main", "main"), ("refs/heads/main", "main"), ("refs/tags/v1", "v1")),
    ],
)
def test_a_base_is_a_branch_a_tag_or_what_git_calls_it(tmp_path, origin, base, commit, depth):
    checkout = checked_out(origin, tmp_path / "work", "refs/pull/1/merge", depth=depth)
    runner = Runner(tmp_path, checkout)

    done = runner.step("Find the base", base=base)

    assert done.returncode == 0, done.stderr
    assert runner.outputs["steps.base.outputs.commit"] == git(origin, "rev-parse", commit)


def test_a_base_is_a_commit_that_no_branch_holds(runner, origin):
    lost = git(origin, "commit-tree", "-m", "lost", "main^{tree}")

    assert runner.step("Find the base", base=lost).returncode == 0
    assert runner.outputs["steps.base.outputs.commit"] == lost


def test_a_base_that_is_not_there_or_is_an_option(runner):
    gone = runner.step("Find the base", base="gone")
    option = runner.step("Find the base", base="--upload-pack=touch pwned")

    assert (gone.returncode, option.returncode) == (2, 2)
    assert "::error title=opbench gate::there is no base gone in this checkout" in gone.stdout
    assert "::error title=opbench gate::the base is no option" in option.stdout
    assert runner.outputs == {}
    assert not (runner.checkout / "pwned").exists()


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize(
    ("base", "commit"),
    [
        *(("", "main^"), ("HEAD^", "main^"), ("HEAD~2", "v1"), ("@~1", "main^"), ("@^", "main^")),
        *(("HEAD^{/second}", "main^"), ("main~2", "v1"), ("v1^{}", "v1"), ("HEADWAY", "main^")),
    ],
)
def test_what_begins_with_head_is_the_checkouts(tmp_path, origin, base, commit, depth):
    """Whatever the origin's is; but a branch may have a name that begins so too."""
    git(origin, "branch", "HEADWAY", "main^")
    checkout = checked_out(origin, tmp_path / "work", "main", depth=depth)
    later = git(checkout, "commit-tree", "-p", "HEAD", "-m", "later", "HEAD^{tree}")
    git(checkout, "update-ref", "refs/remotes/origin/other", later)
    git(checkout, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/other")
    runner = Runner(tmp_path, checkout)

    done = runner.step("Find the base", base=base)

    assert done.returncode == 0, done.stdout + done.stderr
    assert runner.outputs["steps.base.outputs.commit"] == git(origin, "rev-parse", f"{commit}^{{}}")


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("kind", ["tag", "commit", "short commit"])
def test_a_tag_or_a_commit_is_no_branch_of_that_name(tmp_path, origin, kind, depth):
    """Who names a base means it as git does; the target of a pull request is a branch."""
    first = git(origin, "rev-parse", "v1")
    name = {"tag": "v1", "commit": first, "short commit": first[:12]}[kind]
    git(origin, "update-ref", f"refs/heads/{name}", "main^")
    checkout = checked_out(origin, tmp_path / "work", "main", depth=depth)

    named = Runner(tmp_path, checkout)
    assert named.step("Find the base", base=name).returncode == 0
    assert named.outputs["steps.base.outputs.commit"] == first

    (tmp_path / "again").mkdir()
    target = Runner(tmp_path / "again", checkout, GITHUB_BASE_REF=name)
    assert target.step("Find the base").returncode == 0
    assert target.outputs["steps.base.outputs.commit"] == git(origin, "rev-parse", "main^")


@pytest.mark.parametrize("depth", [0, 1])
def test_a_base_without_history_in_common_is_told(tmp_path, origin, depth):
    lost = git(origin, "commit-tree", "-m", "lost", "main^{tree}")
    git(origin, "branch", "unrelated", lost)
    checkout = checked_out(origin, tmp_path / "work", "change", depth=depth)
    runner = Runner(tmp_path, checkout, GITHUB_BASE_REF="unrelated")

    done = runner.step("Find the base")

    assert done.returncode == 2
    head = git(origin, "rev-parse", "change")
    assert done.stdout.startswith("::error title=opbench gate::the base unrelated and the head ")
    assert f"{head} have no history in common" in done.stdout
    assert runner.outputs == {}


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize(
    ("base", "target"), [("main", ""), ("HEAD", ""), ("@", ""), ("v2", ""), ("", "main")]
)
def test_a_base_that_is_not_before_the_head_is_told(tmp_path, origin, base, target, depth):
    """It would be compared with itself, or with what it has become since, and pass for ever."""
    git(origin, "tag", "v2", "main")
    checkout = checked_out(origin, tmp_path / "work", "main", depth=depth)
    git(origin, "commit", "--quiet", "--allow-empty", "-m", "fourth")
    git(origin, "tag", "--force", "v2", "main")
    runner = Runner(tmp_path, checkout, **({"GITHUB_BASE_REF": target} if target else {}))

    done = runner.step("Find the base", base=base)

    assert done.returncode == 2, done.stdout
    assert "already; name a commit before it" in done.stdout
    assert runner.outputs == {}


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

    words = parser().parse_args(runner.words)
    assert (words.verb, words.base, words.budget, words.alpha) == ("gate", "c0ffee", 90.0, 0.05)
    assert words.names == ["softmax", "pooling"]
    assert (words.expression, words.build, words.impls) == (trap, f"make {trap}", trap)
    assert words.load == ["bench/my ops.py", "bench.more"]
    assert (words.dtype, words.min_slowdown) == ("float32,bfloat16", 0.03)
    assert not (runner.checkout / "pwned").exists()


def test_what_was_left_out_says_nothing(runner):
    compared(runner)

    assert parser().parse_args(runner.words).names == []
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


@pytest.mark.parametrize(
    ("code", "told"),
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
def test_the_exit_code_is_opbenchs(runner, code, told):
    done = compared(runner, code=code)

    assert done.returncode == code
    assert done.stdout.startswith("::error title=opbench gate::")
    assert told in done.stdout
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
        "TOLD": json.dumps({"code": code, "run": True, "summary": summary}),
    }

    done = subprocess.run(
        ["bash", str(tmp_path / "gate.sh"), "main", "--load", "bench/my ops.py"],
        cwd=checkout,
        env=environment,
        text=True,
        capture_output=True,
    )

    words = parser().parse_args(noted(tmp_path))
    assert (done.returncode, done.stderr) == (ends, "")
    assert words.base == git(origin, "rev-parse", "main^")
    assert words.load == ["bench/my ops.py"]
    assert words.summary == f"{words.out}/{words.id}.md"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("nobody", "origin has no nobody"),
        ("unrelated", "unrelated and {head} have no history in common"),
        ("change", "change holds {head} already"),
    ],
)
def test_the_recipe_refuses_a_base_that_is_none(tmp_path, origin, target, told):
    git(origin, "branch", "unrelated", git(origin, "commit-tree", "-m", "lost", "main^{tree}"))
    command(tmp_path / "bin" / "opbench", OPBENCH)
    command(tmp_path / "gate.sh", recipe())
    checkout = checked_out(origin, tmp_path / "work", "change", depth=0)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", str(tmp_path / "gate.sh"), target],
        cwd=checkout,
        env={"PATH": path, "HOME": str(tmp_path)},
        text=True,
        capture_output=True,
    )

    assert done.returncode == 2
    assert f"gate.sh: {told.format(head=git(checkout, 'rev-parse', 'HEAD'))}" in done.stderr
    assert not (tmp_path / "words.json").exists()


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
