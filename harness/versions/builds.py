"""Build a version that was checked out, without leaving this environment pointing into it.

A build runs in the root of its version. Commands that would install it are refused beforehand,
and a pointer that one has left all the same is found afterwards.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from opbench.harness.versions.git import run_to_end, without_local
from opbench.harness.versions.worktrees import Checkout
from opbench.results.errors import SelectionError, VersionError

#: Commands that install a project into the environment that they run in, for editing or a copy.
_INSTALLS = re.compile(
    r"""
    \b(pip[\d.]*|uv)\b [^;&|\n]* \binstall\b
        (?![^;&|\n]*\s(-t|--target|--prefix|--root)\b) [^;&|\n]* \s
        (?<!\s-[rcf]\s) (?<!--requirement\s) (?<!--constraint\s) (?<!--find-links\s)
        (-e\b | --editable\b | ["']?\.{1,2}(?=[/\s\["';&|)]|$))
    | \bsetup\.py\b [^;&|\n]* \b(develop|install)\b
    | \b(poetry|pdm|flit)\s+install\b | \b(uv|pdm)\s+sync\b | \bmaturin\s+develop\b
    """,
    re.VERBOSE,
)
#: Files that say where an installed project lies.
_POINTERS = ("*.pth", "*.egg-link", "__editable__*.py", "*.dist-info/direct_url.json")
_IN_PLACE = "build in place (`python setup.py build_ext --inplace`, `make`)"


def ensure_builds_in_place(command: str) -> None:
    """Raise SelectionError if a command installs what it builds: both versions would run that."""
    if _INSTALLS.search(command):
        raise SelectionError(
            f"--build {command!r} installs a version into this environment, which both share and "
            f"which outlives it: {_IN_PLACE}, and have both versions' needs installed beforehand"
        )


def build(checkout: Checkout, command: str) -> None:
    """Run the shell command that builds a version, in its root.

    Raises VersionError if it fails, or has installed the version into this environment.
    """
    process = run_to_end(
        command,
        shell=True,
        cwd=checkout.root,
        env=without_local(os.environ),
        stderr=subprocess.STDOUT,
    )
    if process.returncode != 0:
        printed = process.stdout.decode(errors="replace")
        last = "\n".join(printed.strip().splitlines()[-5:])
        raise VersionError(
            f"{checkout.label} does not build: {command!r} ended with {process.returncode}:\n{last}"
        )
    _ensure_not_installed(checkout, command)


def _ensure_not_installed(checkout: Checkout, command: str) -> None:
    """Raise VersionError if a command has installed a version into this environment."""
    pointers = pointing_into(checkout.root, _places())
    if pointers:
        raise VersionError(
            f"{command!r} installed {checkout.label} into this environment, which points now into "
            f"a folder that is removed ({pointers[0]}); install your own version again, and "
            f"{_IN_PLACE}"
        )


def pointing_into(root: Path, places: Iterable[Path]) -> tuple[Path, ...]:
    """The files in folders of installed packages that point below `root`."""
    files = (file for place in places for form in _POINTERS for file in sorted(place.glob(form)))
    return tuple(file for file in files if os.fsencode(root) in file.read_bytes())


def _places() -> tuple[Path, ...]:
    """The folders of installed packages of this environment."""
    return tuple({Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")})
