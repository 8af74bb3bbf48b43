"""The commit that a run says."""

import dataclasses

import pytest

from opbench.dashboards.plugin.commits import commit_of
from tests.results.examples import info


@pytest.mark.parametrize(
    ("settings", "commit"),
    [
        ((), ""),
        ((("head_commit", '"abc"'),), "abc"),
        ((("head_commit", '"abc"'), ("commit", '"def+"')), "def+"),
        ((("commit", "{"),), ""),
        ((("commit", "[1]"),), ""),
        ((("commit", "[" * 100_000),), ""),
    ],
)
def test_the_commit_of_a_run(settings, commit):
    assert commit_of(dataclasses.replace(info(), settings=settings)) == commit
