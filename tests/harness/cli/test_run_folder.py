"""What a new run keeps."""

import json
from pathlib import Path

import pytest

from opbench.harness.cli.run_folder import NewRun, create_in
from opbench.results.records import Rules
from tests.harness.projects import git, repository
from tests.results.examples import ENVIRONMENT


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The settings of a run that is begun in a folder."""

    def of(folder: Path):
        monkeypatch.chdir(folder)
        rules = Rules()
        new = NewRun(
            verb="run", out=tmp_path / "runs", id="one", threads=1, rules=rules, settings=()
        )
        return dict(create_in(new, ENVIRONMENT).info.settings)

    return of


def test_a_run_keeps_the_commit_that_it_was_begun_on(kept, tmp_path):
    root = repository(tmp_path / "theirs", {"a.txt": ""})

    assert json.loads(kept(root)["commit"]) == git(root, "rev-parse", "HEAD").strip()


def test_outside_of_a_repository_no_commit_is_kept(kept, tmp_path):
    assert "commit" not in kept(tmp_path)
