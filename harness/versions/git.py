"""Run git without hooks, and without the variables that a calling git has set.

A command in a git hook inherits variables with the repository, index and options that git was
called with. With them, git in another folder would write there.
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
#: Companions of GIT_CONFIG_COUNT, and of GIT_OBJECT_DIRECTORY while a push is received.
_MORE_LOCAL = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_QUARANTINE_PATH")
#: Seconds that a terminated program has for clearing up.
_PATIENCE_S = 5.0


def git(folder: Path, *args: str, otherwise: str = "") -> str:
    """Run git in a folder, and return its output without the line break at its end.

    Raises VersionError with the text of `otherwise`, and git's own message.
    """
    command = ("git", "-C", str(folder), *_NO_HOOKS, *args)
    # Commands that only read take no lock: somebody may be committing meanwhile.
    env = without_local(os.environ) | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        process = run_to_end(command, env=env, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise VersionError("git is not installed, and versions are compared by it") from error
    if process.returncode != 0:
        failed = otherwise or f"git {' '.join(args)} failed in {folder}"
        message = os.fsdecode(process.stderr).strip()
        raise VersionError(f"{failed}: {message}" if message else failed)
    return os.fsdecode(process.stdout).removesuffix("\n")


def without_local(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the variables that tie git to one repository, index or call."""
    if not any(name.startswith("GIT_") for name in environment):
        return dict(environment)
    local = _local_variables()
    others = {
        name: value
        for name, value in environment.items()
        if name not in local and not name.startswith(_MORE_LOCAL)
    }
    return others | _trusted(environment)


def _trusted(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables with the trusted folders (safe.directory) of a caller's configuration alone.

    In a container these are often set by variables only, and they tie git to no repository.
    """
    count = environment.get("GIT_CONFIG_COUNT", "")
    numbers = range(int(count)) if count.isdecimal() else range(0)
    folders = [
        environment.get(f"GIT_CONFIG_VALUE_{number}", "")
        for number in numbers
        if environment.get(f"GIT_CONFIG_KEY_{number}", "").lower() == "safe.directory"
    ]
    variables = {"GIT_CONFIG_COUNT": str(len(folders))} if folders else {}
    for number, folder in enumerate(folders):
        variables[f"GIT_CONFIG_KEY_{number}"] = "safe.directory"
        variables[f"GIT_CONFIG_VALUE_{number}"] = folder
    return variables


def forget_caller() -> None:
    """Remove the variables that tie git to one repository from the environment of this process."""
    for name in os.environ.keys() - without_local(os.environ).keys():
        del os.environ[name]


@functools.cache
def _local_variables() -> frozenset[str]:
    """The variables that git itself calls local; none if there is no git."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ("git", "rev-parse", "--local-env-vars")
    try:
        process = subprocess.run(command, env=bare, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return frozenset()
    return frozenset(process.stdout.split())


def run_to_end(
    command: Sequence[str] | str,
    *,
    env: Mapping[str, str],
    shell: bool = False,
    cwd: Path | None = None,
    stdin: int | None = None,
    stderr: int = subprocess.PIPE,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program, apart from the terminal's signals, and return its output.

    An interruption ends the program and all processes that it started.
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
    """End a program and its session: by SIGTERM first, so that git removes its unfinished work."""
    try:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_PATIENCE_S)
    finally:
        # Also if the wait is interrupted again.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
