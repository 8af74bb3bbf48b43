"""The commit that a folder's files are of."""

import re

import pytest

from opbench.harness.versions.head_commit import head_commit
from tests.harness.projects import git, repository


@pytest.fixture
def project(tmp_path):
    root = repository(tmp_path / "theirs", {"a.txt": "old", "sub/b.txt": ""})
    git(root, "tag", "v1")
    return root


def test_the_commit_has_its_full_name_anywhere_in_the_repository(project):
    assert re.fullmatch("[0-9a-f]{40}", head_commit(project))
    assert head_commit(project / "sub") == git(project, "rev-parse", "HEAD").strip()


def test_changed_files_are_marked_and_new_ones_are_not(project):
    (project / "new.txt").write_text("")
    assert not head_commit(project).endswith("+")
    (project / "a.txt").write_text("new")
    assert head_commit(project).endswith("+")


def test_outside_of_a_repository_there_is_none(tmp_path):
    assert head_commit(tmp_path) == ""


def test_a_repository_without_a_commit_has_none(tmp_path):
    git(tmp_path, "init", "--quiet")
    assert head_commit(tmp_path) == ""
