"""Versions of a real repository, checked out beside it and removed."""

import pytest

from opbench.harness.versions.worktrees import (
    HERE,
    checked_out,
    ensure_different,
    naming_missing_submodules,
    only_uncommitted,
    toplevel,
)
from opbench.results.errors import SelectionError, VersionError
from tests.harness.projects import commit, git, is_clean, repository, two_versions, worktrees


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with a file that differs between its versions; temporary files are apart."""
    return two_versions(tmp_path, monkeypatch)


@pytest.mark.parametrize("ref", ["main", "v1", "HEAD~1"])
def test_a_version_is_checked_out_and_removed(project, ref):
    with checked_out(project, ref) as found:
        assert (found.root / "a.txt").read_text() == "old"
        assert found.root.name == project.name
        assert found.commit == git(project, "rev-parse", "main").strip()
        assert found.label == ref
        assert worktrees(project) == 2
    assert is_clean(project)
    assert (project / "a.txt").read_text() == "new"
    assert git(project, "branch", "--show-current").strip() == "later"


def test_the_working_tree_is_taken_as_it_is(project):
    commit_now = git(project, "rev-parse", "HEAD").strip()
    with checked_out(project, HERE) as found:
        assert (found.root, found.commit) == (project, commit_now)
    (project / "a.txt").write_text("not committed")
    with checked_out(project, HERE) as found:
        assert found.commit == commit_now + "+"
        assert (found.root / "a.txt").read_text() == "not committed"
    assert (project / "a.txt").read_text() == "not committed"
    assert is_clean(project)


def test_uncommitted_changes_are_not_in_a_version_that_is_named(project):
    (project / "a.txt").write_text("not committed")
    with checked_out(project, "HEAD") as found:
        assert (found.root / "a.txt").read_text() == "new"
        assert not found.commit.endswith("+")


def test_two_versions_are_there_at_once(project):
    with checked_out(project, "main") as base, checked_out(project, "later") as head:
        assert [(x.root / "a.txt").read_text() for x in (base, head)] == ["old", "new"]
        assert worktrees(project) == 3
    assert is_clean(project)


@pytest.mark.parametrize("error", [KeyboardInterrupt, VersionError])
def test_a_worktree_is_removed_with_all_its_files(project, error):
    def build():
        with checked_out(project, "main") as found:
            (found.root / "a.txt").write_text("changed by a build")
            (found.root / "built").mkdir()
            (found.root / "built" / "library.so").write_text("")
            raise error

    with pytest.raises(error):
        build()
    assert is_clean(project)


HOOKS = ("post-checkout", "post-index-change", "reference-transaction", "pre-commit")


@pytest.mark.parametrize("where", [".git/hooks", "tools/hooks"])
def test_no_hook_of_the_repository_runs(project, where):
    folder = project / where
    folder.mkdir(parents=True, exist_ok=True)
    git(project, "config", "core.hooksPath", str(folder))
    for name in HOOKS:
        (folder / name).write_text(f"#!/bin/sh\ntouch {project.parent}/ran-{name}\nexit 1\n")
        (folder / name).chmod(0o755)
    with checked_out(project, "main") as found:
        assert (found.root / "a.txt").read_text() == "old"
    assert is_clean(project)
    assert list(project.parent.glob("ran-*")) == []


def test_filters_of_the_repository_do_run(project):
    git(project, "config", "filter.loud.smudge", "tr a-z A-Z")
    (project / ".git" / "info" / "attributes").write_text("*.txt filter=loud\n")
    with checked_out(project, "main") as found:
        assert (found.root / "a.txt").read_text() == "OLD"


@pytest.mark.parametrize("kind", ["linked", "linked to a bare one", "a submodule"])
def test_other_kinds_of_repositories(project, tmp_path, kind):
    root = tmp_path / "other"
    if kind == "linked":
        git(project, "config", "extensions.worktreeConfig", "true")
        git(project, "worktree", "add", "--quiet", "-b", "mine", str(root))
    elif kind == "linked to a bare one":
        git(tmp_path, "clone", "--quiet", "--bare", str(project), "bare.git")
        git(tmp_path / "bare.git", "worktree", "add", "--quiet", "-b", "mine", str(root))
    else:
        repository(root, {"b.txt": ""})
        add = ("submodule", "add", "--quiet", str(project), "inner")
        git(root, "-c", "protocol.file.allow=always", *add)
        root = root / "inner"
        git(root, "branch", "--force", "main", "origin/main")
    count = worktrees(root)
    with checked_out(toplevel(root), "main") as found:
        assert (found.root / "a.txt").read_text() == "old"
        assert worktrees(root) == count + 1
    assert worktrees(root) == count
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("base", ["later", "HEAD", "twin"])
def test_equal_trees_are_refused(project, base):
    """Also those of two commits."""
    tree = git(project, "rev-parse", "HEAD^{tree}").strip()
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    twin = git(project, *who, "commit-tree", "-m", "the same again", tree).strip()
    git(project, "branch", "twin", twin)
    for head in (HERE, "later"):
        with checked_out(project, base) as old, checked_out(project, head) as new:
            with pytest.raises(VersionError, match=r"are the same tree .* nothing to compare"):
                ensure_different(project, old, new)
    with checked_out(project, "main") as old, checked_out(project, HERE) as new:
        ensure_different(project, old, new)


def edit(project):
    (project / "a.txt").write_text("edited")


def stage(project):
    edit(project)
    git(project, "add", "a.txt")


def add_unseen(project):
    git(project, "config", "status.showUntrackedFiles", "no")
    (project / "c.txt").touch()


def edit_unseen(project):
    git(project, "update-index", "--assume-unchanged", "a.txt")
    edit(project)


def edit_skipped(project):
    git(project, "update-index", "--skip-worktree", "a.txt")
    edit(project)


def remove(project):
    (project / "a.txt").unlink()


def rename(project):
    git(project, "mv", "a.txt", "é.txt")


@pytest.mark.parametrize(
    "change", [edit, stage, add_unseen, edit_unseen, edit_skipped, remove, rename]
)
def test_a_working_tree_that_was_changed_is_another(project, change):
    change(project)
    with checked_out(project, "HEAD") as old, checked_out(project, HERE) as new:
        assert new.commit == old.commit + "+"
        ensure_different(project, old, new)


def test_uncommitted_changes_are_named_if_nothing_else_differs(project):
    """A file that a job left behind would otherwise hide a wrong base."""
    for number in range(4):
        (project / f"left-{number}.xml").touch()
    with checked_out(project, "later") as old, checked_out(project, HERE) as new:
        ensure_different(project, old, new)
        (warning,) = only_uncommitted(project, old, new)
    assert "later is the commit that the working tree is based on" in warning
    assert "left-0.xml, left-1.xml, left-2.xml and 1 more" in warning
    with checked_out(project, "main") as old, checked_out(project, HERE) as new:
        assert list(only_uncommitted(project, old, new)) == []


def test_opbenchs_own_folders_are_no_change(project, monkeypatch):
    """As if temporary files lie in the repository."""
    (project / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(project / "tmp"))
    with checked_out(project, "main"), checked_out(project, HERE) as found:
        assert not found.commit.endswith("+")


def test_compiled_python_files_are_no_change(project):
    for folder in (project / "sub" / "__pycache__", project / "ü" / "__pycache__"):
        folder.mkdir(parents=True)
        (folder / "b.pyc").touch()
    with checked_out(project, HERE) as found:
        assert not found.commit.endswith("+")


@pytest.mark.parametrize(
    ("ref", "meant"),
    [("far", "origin/far"), ("mian", "main"), ("latr", "later"), ("feature/far", "up/feature/far")],
)
def test_similar_versions_are_suggested(project, ref, meant):
    for name in ("origin/far", "up/feature/far"):
        git(project, "update-ref", f"refs/remotes/{name}", "main")
    with pytest.raises(
        SelectionError, match=rf"no version '{ref}'; did you mean .*{meant}"
    ) as reported:
        with checked_out(project, ref):
            pass
    assert "fetch" not in str(reported.value)


@pytest.mark.parametrize("ref", ["nope", "v9", "0123456789", "main:a.txt", ""])
def test_an_unknown_version_is_refused_with_advice(project, ref):
    with pytest.raises(SelectionError, match="has no version") as caught, checked_out(project, ref):
        pass
    assert str(project) in str(caught.value)
    assert "give a commit, branch or tag (`git fetch`" in str(caught.value)
    assert is_clean(project)


def test_a_submodule_that_is_not_checked_out_is_hinted_at(project, tmp_path):
    repository(tmp_path / "inner", {"b.txt": ""})
    add = ("submodule", "add", "--quiet", str(tmp_path / "inner"), "third party/in")
    git(project, "-c", "protocol.file.allow=always", *add)
    commit(project, {})
    with checked_out(project, "HEAD") as old, checked_out(project, "main") as new:
        with pytest.raises(VersionError, match=r"^no luck; HEAD has .*\(third party/in\): --build"):
            with naming_missing_submodules((old, new)):
                raise VersionError("no luck")
        with pytest.raises(VersionError, match=r"^no luck$"), naming_missing_submodules((new,)):
            raise VersionError("no luck")
    with checked_out(project, HERE) as here:
        with pytest.raises(VersionError, match=r"^no luck$"), naming_missing_submodules((here,)):
            raise VersionError("no luck")
    assert is_clean(project)


def test_a_repository_is_found_from_below_and_missed_outside(project, tmp_path, monkeypatch):
    assert toplevel(project / "sub") == project
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(VersionError, match="is in no git repository"):
        toplevel(tmp_path)


def test_without_git_comparing_is_refused(project, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(VersionError, match="git is not installed"):
        toplevel(project)
