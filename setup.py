"""Project URLs of the repository that a distribution is built from; all else is in pyproject.toml.

A fork's package points to the fork. Without a public address there is none.
"""

import email
import subprocess
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
#: By label, the page below a repository's address.
PAGES = {"Repository": "", "Changelog": "/blob/HEAD/CHANGELOG.md", "Issues": "/issues"}


def addressed(remote: str) -> str:
    """The public address of a git remote, "" where it is a path or another machine's."""
    for beginning in ("git@github.com:", "ssh://git@github.com/"):
        remote = remote.replace(beginning, "https://github.com/")
    # Whoever is named before the host may have a password there.
    return "" if not remote.startswith("https://") or "@" in remote else remote.removesuffix(".git")


def of_repository() -> dict[str, str]:
    """The URLs by git's remote `origin`, where this is a checkout that has one."""
    if not (ROOT / ".git").exists():
        return {}
    command = ("git", "-C", str(ROOT), "remote", "get-url", "origin")
    try:
        found = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # no git
        return {}
    address = addressed(found.stdout.strip())
    return {label: address + page for label, page in PAGES.items()} if address else {}


def of_sources() -> dict[str, str]:
    """The URLs that an archive of sources was built with."""
    if not (ROOT / "PKG-INFO").exists():
        return {}
    known = email.message_from_string((ROOT / "PKG-INFO").read_text(encoding="utf-8"))
    return dict(url.split(", ", 1) for url in known.get_all("Project-URL", ()))


setup(project_urls=of_sources() or of_repository())
