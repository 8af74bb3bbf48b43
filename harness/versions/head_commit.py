"""The commit that the files of a folder are of."""

from __future__ import annotations

from pathlib import Path

from opbench.harness.versions.git import git
from opbench.results.errors import VersionError


def head_commit(folder: Path) -> str:
    """The full name of the commit, with "+" where files that git knows were changed since.

    "" where the folder lies in no repository, the repository has no commit, or git isn't installed.
    """
    try:
        # No tag is a commit's full name.
        return git(folder, "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*")
    except VersionError:
        return ""
