"""The commit that a run says."""

import dataclasses

import pytest

from opbench.dashboards.plugin.commits import commit_of
from tests.results.examples import ENVIRONMENT, info


@pytest.mark.parametrize(
    ("settings", "facts", "commit"),
    [
        ((), (), ""),
        ((("head_commit", '"abc"'),), (), "abc"),
        ((("commit", '"abc+"'),), (), "abc+"),
        ((("commit", '"abc"'),), (("commit", "def"),), "def"),
        ((("commit", "{"),), (), ""),
        ((("commit", "[1]"),), (), ""),
    ],
)
def test_the_commit_of_a_run(settings, facts, commit):
    environment = dataclasses.replace(ENVIRONMENT, volatile=facts)
    head = dataclasses.replace(info(), environment=environment)
    assert commit_of(dataclasses.replace(head, settings=settings)) == commit
