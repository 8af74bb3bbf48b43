"""Which base the GitHub Action finds, and the recipe for any other CI: a commit before the head."""

import os
import subprocess

import pytest

from tests.action_steps import (
    OPBENCH,
    Runner,
    checked_out,
    command,
    git,
    recipe,
)


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
def test_a_base_without_history_in_common_is_reported(tmp_path, origin, depth):
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
def test_a_base_that_is_not_before_the_head_is_reported(tmp_path, origin, base, target, depth):
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


@pytest.mark.parametrize(
    ("target", "reported"),
    [
        ("nobody", "origin has no nobody"),
        ("unrelated", "unrelated and {head} have no history in common"),
        ("change", "change holds {head} already"),
    ],
)
def test_the_recipe_refuses_a_base_that_is_none(tmp_path, origin, target, reported):
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
    assert f"gate.sh: {reported.format(head=git(checkout, 'rev-parse', 'HEAD'))}" in done.stderr
    assert not (tmp_path / "words.json").exists()
