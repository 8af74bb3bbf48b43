"""What is known of a machine and kept between runs: a file for each environment and device.

Whatever is wrong with such a file, measuring again mends it.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opbench.results.errors import OpbenchError, RunFolderError
from opbench.results.records import codec


def folder(kind: str) -> Path:
    """Where files of a kind are kept: below $XDG_CACHE_HOME or ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "opbench" / kind


def path_of(root: Path, environment_key: str, device: str, *, threads: int) -> Path:
    """The file of a machine, whether it is there or not. Unlike names may make the same one."""
    name = re.sub(r"[^\w.-]", "-", f"{environment_key}-{device}-t{threads}")
    return root / f"{name}.json"


def read(path: Path, is_whole: Callable[[object], bool]) -> Any:
    """The record in a file; None where there is none, or none that is whole."""
    try:
        found = codec.loads(path.read_text(encoding="utf-8"))
        return found if is_whole(found) else None
    except (OSError, RunFolderError, TypeError, ValueError):
        return None


def write(path: Path, value: object, *, what: str) -> None:
    """Keep a record. Raises OpbenchError, which calls it `what`, where it can't be written."""
    try:
        _write_whole(path, codec.dumps(value) + "\n")
    except OSError as error:
        raise OpbenchError(
            f"{what} cannot be kept in {path.parent}: {error.strerror}; set XDG_CACHE_HOME "
            "to a folder that can be written"
        ) from error


def _write_whole(path: Path, text: str) -> None:
    """Write a file that others see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own until it is whole: several processes may keep something at once.
    handle, name = tempfile.mkstemp(suffix=".json", prefix=".partial-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
