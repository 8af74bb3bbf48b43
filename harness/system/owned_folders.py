"""Temporary folders that tell whose they are, so that those of dead processes are known again.

A folder's name says which process made it, and the folder is locked as long as that process lives:
a name is still there where the folder itself is gone, and a lock where the process can't be seen.
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


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. machine, boot, space: hashes of the machine, of its start and of the name space
    of process ids; process: its id; started: when it began, in ticks since the machine did.
    """

    machine: str
    boot: str
    space: str
    process: int
    started: int


@dataclass(frozen=True, slots=True)
class Owned:
    """A folder of this process, and the descriptor that holds its lock."""

    path: Path
    descriptor: int


def make() -> Owned:
    """A new temporary folder of this process."""
    me = _this_process()
    name = f"{PREFIX}{me.machine}-{me.boot}-{me.space}-{me.process}-{me.started}-"
    path = Path(tempfile.mkdtemp(prefix=name))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    # Some file systems of networks have no locks; the process is then known by its id alone.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return Owned(path, descriptor)


def release(owned: Owned) -> None:
    """Remove the folder, and give up its lock."""
    remove(owned.path)
    os.close(owned.descriptor)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, also what a build left without write permission."""
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

    Nothing is known of processes of other machines, nor, where the folder can't be seen, of those
    of other containers.
    """
    owner, me = _owner(folder), _this_process()
    if owner is None:
        return False
    if owner.boot != me.boot:
        return owner.machine == me.machine
    is_seen = owner.space == me.space
    if is_seen and _runs(owner):
        return False
    try:
        return _is_unlocked(folder)
    except FileNotFoundError:
        return is_seen
    except OSError:
        return False


def abandoned() -> tuple[Path, ...]:
    """The folders of ended processes that lie where `make` makes them now."""
    found = Path(tempfile.gettempdir()).glob(f"{PREFIX}*")
    return tuple(folder for folder in found if is_abandoned(folder))


def _owner(folder: Path) -> Owner | None:
    """Whose folder it is; None where it isn't one that `make` made."""
    found = _NAME.fullmatch(folder.name)
    if found is None:
        return None
    return Owner(found[1], found[2], found[3], int(found[4]), int(found[5]))


def _this_process() -> Owner:
    return Owner(
        _hashed(platform.node(), _text("/etc/machine-id")),
        _hashed(_text("/proc/sys/kernel/random/boot_id") or platform.node()),
        _hashed(_name_space()),
        os.getpid(),
        _started("self"),
    )


def _name_space() -> str:
    """What the name space of process ids is called; "" where that isn't told."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _runs(owner: Owner) -> bool:
    """Whether its process runs; not another one, which has its id by now."""
    try:
        return _started(str(owner.process)) == owner.started
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return True


def _started(process: str) -> int:
    """When a process began, in ticks. Raises ProcessLookupError where it only waits to be reaped.

    Raises OSError where there is no such process, or it can't be seen.
    """
    stat = Path("/proc", process, "stat").read_text(encoding="utf-8", errors="replace")
    # The name before it may hold blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(process)
    return int(fields[19])


def _is_unlocked(folder: Path) -> bool:
    """Whether nobody holds the lock of a folder. Raises OSError where that can't be told."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _hashed(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:6]


def _text(path: str) -> str:
    """What a file of the system says; "" where it isn't there."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
