"""The objects of a run in a store: immutable attempts at a case, each complete or not there.

    <store>/runs/<run>/parts/<environment key>/<case>/<attempt>.jsonl     head and lines
    <store>/runs/<run>/parts/<environment key>/<case>/<attempt>.done      its size and digest
    <store>/runs/<run>/begun/<environment key>/<I>-of-<N>/<attempt>       a part is at work
    <store>/runs/<run>/finished/<environment key>/<I>-of-<N>/<attempt>    it has done its share

Nothing is appended to, replaced or locked: a process that does a case twice, or dies in the middle,
leaves another object that does no harm. An attempt counts once its mark is there, and agrees.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from opbench.results.errors import RunFolderError
from opbench.results.records import Case, RunInfo, codec
from opbench.results.records.run import Line
from opbench.results.records.run_folder import parse_line
from opbench.results.records.validation import ensure_usable
from opbench.results.store.urls import filesystem, has_folders

T = TypeVar("T")
#: Where the lines lie that are of the machine and of no case.
_MACHINE = "machine"
#: More parts than cases that anybody has.
MOST_PARTS = 1_000_000
#: Seconds to wait before an operation is tried once more; then it has failed.
_WAITS_S = (0.5, 2.0, 8.0)
#: The exceptions of networks that fsspec's file systems pass on as they are: S3's and all others'.
_OWN_EXCEPTIONS = (("botocore.exceptions", "BotoCoreError"), ("aiohttp", "ClientError"))


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A share of a run's cases: every `many`-th, from the `index`-th on.

    Part(2, 8) is what `--part 2/8` says: the second of eight.
    """

    #: From 1 on.
    index: int = 1
    many: int = 1

    def __str__(self) -> str:
        return f"{self.index}-of-{self.many}"

    def share(self, items: Sequence[T]) -> tuple[T, ...]:
        """Its items of all; over all parts each item once."""
        return tuple(items[self.index - 1 :: self.many])


@dataclass(frozen=True, slots=True, order=True)
class Attempt:
    """One complete attempt at a case, or at the lines of a machine."""

    #: The environment that it ran in.
    key: str
    #: The digest of the case; `_MACHINE` for none.
    case: str
    #: Begins with the time of its upload, so that the first attempt comes first.
    name: str


@dataclass(frozen=True, slots=True)
class Content:
    """What an attempt says."""

    #: The head of the run, as its process had it.
    info: RunInfo
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a store holds of a run."""

    #: All complete attempts, the first of each case and environment first.
    complete: tuple[Attempt, ...]
    #: The attempts without a mark: broken off, or on their way.
    incomplete: tuple[Attempt, ...]
    #: The parts that have done their share, by the key of their environment.
    finished: tuple[tuple[str, Part], ...]


def digest_of(case: Case | None) -> str:
    """The name of a case in a store; that of a machine's lines where None."""
    return _MACHINE if case is None else hashlib.sha256(case.key.encode()).hexdigest()[:20]


class Objects:
    """The objects below a folder of a store; what fails is tried several times."""

    def __init__(self, store: str, folder: str) -> None:
        """store: a URL. folder: of it. Raises RunFolderError where the URL can't be used."""
        self._system, root = filesystem(store)
        self._root = f"{root}/{folder}"
        self._url = f"{store.rstrip('/')}/{folder}"

    def __str__(self) -> str:
        return self._url

    def list(self, folder: str = "") -> list[str]:
        """The paths of all objects in a folder of this one, from this one on."""
        start = f"{self._root}/"
        found = self._patiently(lambda: self._system.find(f"{start}{folder}"), absent=tuple)
        return [path.partition(start)[2] for path in map(str, found) if start in path]

    def write(self, path: str, text: bytes) -> None:
        """Write an object whole."""
        path = f"{self._root}/{path}"

        def write() -> None:
            """Make the folder, where there are any, and write."""
            if has_folders(self._url):
                self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._system.pipe_file(path, text)

        self._patiently(write)

    def read(self, path: str) -> bytes:
        """The content of an object; b"" where there is none."""
        whole = f"{self._root}/{path}"
        found: bytes = self._patiently(lambda: self._system.cat_file(whole), absent=bytes)
        return found

    def _patiently(
        self, operation: Callable[[], Any], *, absent: Callable[[], Any] | None = None
    ) -> Any:
        """Do an operation, several times where it fails; absent: makes the result of what is not.

        Raises RunFolderError with the last reason.
        """
        for wait_s in (*_WAITS_S, None):
            try:
                return operation()
            except _failures() as error:
                if absent is not None and isinstance(error, FileNotFoundError):
                    return absent()
                if wait_s is None or isinstance(error, PermissionError | NotADirectoryError):
                    text = str(error) or type(error).__name__
                    raise RunFolderError(f"{self} cannot be read or written: {text}") from error
            time.sleep(wait_s)
        raise AssertionError("the last wait ends it")


class StoredRun:
    """A run in a store, which need not be there yet."""

    def __init__(self, store: str, name: str) -> None:
        """store: a URL. name: of the run. Raises RunFolderError where the URL can't be used."""
        self._objects = Objects(store, f"runs/{name}")

    def __str__(self) -> str:
        return str(self._objects)

    def put(self, info: RunInfo, case: Case | None, lines: Iterable[Line]) -> None:
        """Store an attempt, then its mark. Raises RunFolderError where the store doesn't take it.

        case: that all lines are of; None for lines of the machine.
        """
        text = "".join(codec.dumps(line) + "\n" for line in (info, *lines)).encode()
        folder = f"parts/{info.environment.key}/{digest_of(case)}"
        name = new_name()
        self._objects.write(f"{folder}/{name}.jsonl", text)
        self._objects.write(f"{folder}/{name}.done", json.dumps(_mark_of(text)).encode())

    def begin(self, key: str, part: Part) -> None:
        """Say that a part is at work in an environment; what can't be stored shows before it is."""
        self._objects.write(f"begun/{key}/{part}/{new_name()}", b"{}\n")

    def finish(self, key: str, part: Part) -> None:
        """Say that a part has done its share in an environment."""
        self._objects.write(f"finished/{key}/{part}/{new_name()}", b"{}\n")

    def survey(self) -> Survey:
        """What there is of the run now; nothing where it isn't there."""
        paths = self._objects.list()
        names = [path.split("/") for path in paths]
        parts = [name[1:] for name in names if len(name) == 4 and name[0] == "parts"]
        there = {Attempt(key, case, stem) for key, case, stem in _stems(parts, ".jsonl")}
        marked = {Attempt(key, case, stem) for key, case, stem in _stems(parts, ".done")}
        finished = {
            (name[1], part)
            for name in names
            if len(name) == 4 and name[0] == "finished" and (part := _part(name[2]))
        }
        return Survey(
            complete=tuple(sorted(there & marked)),
            incomplete=tuple(sorted(there - marked)),
            finished=tuple(sorted(finished)),
        )

    def read(self, attempt: Attempt) -> Content | None:
        """What an attempt says; None where it isn't what its mark says, or can't be used.

        Raises RunFolderError where the store can't be read.
        """
        stem = f"parts/{attempt.key}/{attempt.case}/{attempt.name}"
        text, mark = self._objects.read(f"{stem}.jsonl"), self._objects.read(f"{stem}.done")
        try:
            if json.loads(mark) != _mark_of(text):
                return None
            head, *lines = text.splitlines()
            info = codec.loads(head.decode())
            if not isinstance(info, RunInfo) or info.environment.key != attempt.key:
                return None
            ensure_usable(info)
            return Content(info, tuple(map(parse_line, lines)))
        except (RunFolderError, ValueError):
            return None

    def has(self, key: str, case: str) -> bool:
        """Whether there is a complete attempt at a case, by its digest, of an environment.

        Nothing else of the run is listed.
        """
        names = {path.rpartition("/")[2] for path in self._objects.list(f"parts/{key}/{case}")}
        return any(name.replace(".done", ".jsonl") in names for name in names if ".done" in name)


def _failures() -> tuple[type[Exception], ...]:
    """The exceptions of stores: those of systems, and of the libraries of those that are used."""
    loaded = ((sys.modules.get(module), name) for module, name in _OWN_EXCEPTIONS)
    return (OSError, *(getattr(module, name) for module, name in loaded if module))


def new_name() -> str:
    """A name that no other attempt has; the later, the larger."""
    return f"{time.time_ns():019d}-{uuid.uuid4().hex[:12]}"


def _mark_of(text: bytes) -> dict[str, object]:
    """What the mark of an object says."""
    return {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def _stems(parts: Iterable[Sequence[str]], ending: str) -> Iterable[tuple[str, str, str]]:
    """Key, case and name of those objects that end so."""
    return (
        (key, case, name.removesuffix(ending)) for key, case, name in parts if name.endswith(ending)
    )


def _part(text: str) -> Part | None:
    """The part of a folder's name; None where it is something else."""
    index, _, many = text.partition("-of-")
    if not (index.isdecimal() and many.isdecimal()):
        return None
    part = Part(int(index), int(many))
    return part if 1 <= part.index <= part.many <= MOST_PARTS else None
