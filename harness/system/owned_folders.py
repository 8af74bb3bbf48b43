"""Temporary folders with an owner, so that those of ended processes can be recognised.

A folder's name says which process made it, and the folder is locked as long as that process lives.
The name serves where the folder itself is gone, the lock where the process can't be seen.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

PREFIX = "opbench-gate-"
_NAME = re.compile(rf"{PREFIX}([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-(\d+)-(\d+)-\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process that made a folder."""

    #: A hash of the machine.
    machine: str
    #: A hash of the boot of the machine.
    boot: str
    #: A hash of the name space of process ids.
    space: str
    #: The process id.
    process: int
    #: The start of the process, in ticks since the boot.
    started: int


@dataclass(frozen=True, slots=True)
class Owned:
    """A folder of this process."""

    path: Path
    #: The file descriptor that holds its lock.
    descriptor: int


def make() -> Owned:
    """Make a temporary folder of this process."""
    me = _this_process()
    name = f"{PREFIX}{me.machine}-{me.boot}-{me.space}-{me.process}-{me.started}-"
    path = Path(tempfile.mkdtemp(prefix=name))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    # Some network file systems have no locks; the process is then recognised by its id alone.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return Owned(path, descriptor)


def release(owned: Owned) -> None:
    """Remove the folder, and give up its lock."""
    remove(owned.path)
    os.close(owned.descriptor)


def remove(folder: Path) -> None:
    """Remove a folder and everything in it, also files that a build left write-protected."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for place, names, _ in os.walk(folder):
        for path in (Path(place, name) for name in names):
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def is_abandoned(folder: Path) -> bool:
    """Whether a folder, which may be gone, was made by `make` in a process that has surely ended.

    Nothing can be known of processes of other machines, nor, where the folder can't be seen, of
    those of other containers: they count as running.
    """
    owner, me = _owner(folder), _this_process()
    if owner is None:
        return False
    if owner.boot != me.boot:
        return owner.machine == me.machine
    is_visible = owner.space == me.space
    if is_visible and _runs(owner):
        return False
    try:
        return _is_unlocked(folder)
    except FileNotFoundError:
        return is_visible
    except OSError:
        return False


def abandoned() -> tuple[Path, ...]:
    """The folders of ended processes, where `make` makes them now."""
    folders = Path(tempfile.gettempdir()).glob(f"{PREFIX}*")
    return tuple(folder for folder in folders if is_abandoned(folder))


def _owner(folder: Path) -> Owner | None:
    """The owner of a folder; None where `make` didn't make it."""
    match = _NAME.fullmatch(folder.name)
    if match is None:
        return None
    return Owner(
        machine=match[1],
        boot=match[2],
        space=match[3],
        process=int(match[4]),
        started=int(match[5]),
    )


def _this_process() -> Owner:
    """This process, as an owner."""
    return Owner(
        machine=_hash(platform.node(), _text("/etc/machine-id")),
        boot=_hash(_text("/proc/sys/kernel/random/boot_id") or platform.node()),
        space=_hash(_name_space()),
        process=os.getpid(),
        started=_started("self"),
    )


def _name_space() -> str:
    """The name of the name space of process ids; "" where it can't be read."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _runs(owner: Owner) -> bool:
    """Whether the process runs: itself, not another one that has its id by now."""
    try:
        return _started(str(owner.process)) == owner.started
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return True


def _started(process: str) -> int:
    """The start of a process, in ticks since the boot.

    Raises ProcessLookupError where it has ended and only waits to be reaped, OSError where there is
    no such process or it can't be seen.
    """
    stat = Path("/proc", process, "stat").read_text(encoding="utf-8", errors="replace")
    # The program's name, before it, may hold blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(process)
    return int(fields[19])


def _is_unlocked(folder: Path) -> bool:
    """Whether no process holds the lock of a folder. Raises OSError where it can't be opened."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _hash(*texts: str) -> str:
    """A few characters that stand for some texts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:6]


def _text(path: str) -> str:
    """The text of a file of the system; "" where it can't be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
