"""git, as it finds a repository by itself: nothing of a caller's git, no programs of hooks.

A command in a git hook inherits variables that say which repository, index and options git was
called with. Whoever hands them on to git in another folder has it write there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from opbench.results.errors import VersionError

#: Hooks and monitors of the file system are programs that expect a developer's machine.
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=")
#: Values of GIT_CONFIG_COUNT, and what belongs to GIT_OBJECT_DIRECTORY while a push is received.
_MORE_LOCAL = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_QUARANTINE_PATH")
#: Seconds that a program which is told to end has for clearing up.
_PATIENCE_S = 5.0


def git(folder: Path, *words: str, otherwise: str = "") -> str:
    """What git prints, without the line break at its end.

    Raises VersionError with what `otherwise` says, and with git's own words.
    """
    command = ("git", "-C", str(folder), *_NO_HOOKS, *words)
    # What only looks takes no lock: somebody may be committing meanwhile.
    env = without_local(os.environ) | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = run_to_end(command, env=env, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise VersionError("git is not installed, and versions are compared by it") from error
    if done.returncode != 0:
        failed = otherwise or f"git {' '.join(words)} failed in {folder}"
        told = os.fsdecode(done.stderr).strip()
        raise VersionError(f"{failed}: {told}" if told else failed)
    return os.fsdecode(done.stdout).removesuffix("\n")


def without_local(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the variables that tie git to one repository, index or call."""
    if not any(name.startswith("GIT_") for name in environment):
        return dict(environment)
    local = _local_variables()
    kept = {
        name: value
        for name, value in environment.items()
        if name not in local and not name.startswith(_MORE_LOCAL)
    }
    return kept | _trusting(environment)


def _trusting(environment: Mapping[str, str]) -> dict[str, str]:
    """Whose repositories are trusted, said anew: nothing else of what a caller configured.

    In a container that is often said by variables alone, and ties git to no repository.
    """
    count = environment.get("GIT_CONFIG_COUNT", "")
    numbers = range(int(count)) if count.isdecimal() else range(0)
    folders = [
        environment.get(f"GIT_CONFIG_VALUE_{number}", "")
        for number in numbers
        if environment.get(f"GIT_CONFIG_KEY_{number}", "").lower() == "safe.directory"
    ]
    told = {"GIT_CONFIG_COUNT": str(len(folders))} if folders else {}
    for number, folder in enumerate(folders):
        told |= {f"GIT_CONFIG_KEY_{number}": "safe.directory", f"GIT_CONFIG_VALUE_{number}": folder}
    return told


def forget_caller() -> None:
    """Take what ties git to one repository out of the environment of this process."""
    for name in os.environ.keys() - without_local(os.environ).keys():
        del os.environ[name]


@functools.cache
def _local_variables() -> frozenset[str]:
    """What git itself calls local; nothing where there is no git, which then can't be misled."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ("git", "rev-parse", "--local-env-vars")
    try:
        done = subprocess.run(command, env=bare, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return frozenset()
    return frozenset(done.stdout.split())


def run_to_end(
    command: Sequence[str] | str,
    *,
    env: Mapping[str, str],
    shell: bool = False,
    cwd: Path | None = None,
    stdin: int | None = None,
    stderr: int = subprocess.PIPE,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program, apart from the terminal's signals, and return what it printed.

    Whoever is interrupted meanwhile leaves nobody behind: neither it nor what it started.
    """
    with subprocess.Popen(
        command,
        env=env,
        shell=shell,
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    ) as process:
        try:
            printed, complained = process.communicate()
        except BaseException:
            _end(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, printed, complained)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all of its session: asked first, as git then removes what it had begun."""
    try:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_PATIENCE_S)
    finally:
        # Also where whoever waits is interrupted again.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
