"""The shell steps of the GitHub Action, the recipe of the docs, and repositories for them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.places import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
INPUTS = {name: found["default"] for name, found in ACTION["inputs"].items()}
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
#: Notes its arguments, and does and ends as its orders say.
OPBENCH = f"""#!{sys.executable}
import argparse, json, os, pathlib, sys
orders, home = json.loads(os.environ["ORDERS"]), pathlib.Path(os.environ["HOME"])
(home / "words.json").write_text(json.dumps(sys.argv[1:]))
parser = argparse.ArgumentParser()
for name in ("--out", "--id", "--summary"):
    parser.add_argument(name)
words, _ = parser.parse_known_args()
if orders["run"]:
    pathlib.Path(words.out, words.id).mkdir()
if orders["summary"]:
    pathlib.Path(words.summary).write_text("what was found\\n")
sys.exit(orders["code"])
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


def pull_request(tmp_path):
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


def shallow(folder, origin):
    """A runner in a shallow checkout of the merged pull request."""
    checkout = checked_out(origin, folder / "work", "refs/pull/1/merge", depth=1)
    command(folder / "bin" / "opbench", OPBENCH)
    return Runner(folder, checkout, GITHUB_BASE_REF="main")
