"""A base that is given to the action is a name; nothing of the checkout is written by it."""

import pytest

from tests.action_steps import git, pull_request, shallow


@pytest.mark.parametrize(
    "base", ["main:mine", "main:refs/heads/mine", "+main:mine", "+main", "a b"]
)
def test_a_base_that_is_no_name_is_refused_and_nothing_fetched(tmp_path, base):
    runner = shallow(tmp_path, pull_request(tmp_path))
    git(runner.checkout, "branch", "mine")
    before = git(runner.checkout, "for-each-ref", "refs/heads")

    done = runner.step("Find the base", base=base)

    assert done.returncode == 2
    assert f"::error title=opbench gate::there is no base {base} in this" in done.stdout
    assert git(runner.checkout, "for-each-ref", "refs/heads") == before


def test_a_name_that_only_the_origin_knows_is_fetched(tmp_path):
    origin = pull_request(tmp_path)
    git(origin, "update-ref", "refs/kept/one", "v1")
    runner = shallow(tmp_path, origin)
    assert runner.step("Find the base", base="refs/kept/one").returncode == 0
    assert runner.outputs["steps.base.outputs.commit"] == git(origin, "rev-parse", "v1")
